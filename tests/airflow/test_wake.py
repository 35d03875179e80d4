"""What wakes the closed loop: an answer or a batch tells, the triggerer listens, and Airflow starts the DAG within seconds."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tiny
import yaml
from airflow_process import in_airflow
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.people import put

from shopkeeper.company.load import load
from shopkeeper.pipeline.orchestrator import airflow
from shopkeeper.warehouse.supervisor import Supervisor

pytestmark = pytest.mark.slow

# Listens, does what comes in, and says that it was woken once for all of that, and again after its connection was ended.
LISTEN = """
import asyncio, json
from shopkeeper.airflow.assets import SETTLE_SECONDS
from shopkeeper.airflow.triggers import Told
from shopkeeper.warehouse.engine import connect_raw

ANSWER = "insert into pii.survey_submissions (invitation_id, score, is_complete, locale) values (gen_random_uuid(), 3, %s, 'en')"
BATCH = '''insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)
           values (%s, 'crm', 'window', now(), 5, %s, 5 - %s, 0, 'landed')'''

async def main():
    steps = [(ANSWER, (True,)), (ANSWER, (True,)), (BATCH, ("complaints", 1, 1))]
    told = Told("shopkeeper_closed_loop", SETTLE_SECONDS).run()
    await anext(told)
    connection = connect_raw()
    connection.autocommit = True
    woken = asyncio.ensure_future(anext(told))
    for nothing in ((ANSWER, (False,)), (BATCH, ("complaints", 0, 0)), (BATCH, ("revenue", 5, 5))):
        connection.execute(*nothing)
    await asyncio.sleep(1)
    assert not woken.done(), "woken by what is none of its business"
    for step in steps:
        connection.execute(*step)
        await asyncio.sleep(0.3)
    await asyncio.wait_for(woken, 20)
    again = asyncio.ensure_future(anext(told))
    await asyncio.sleep(3)
    assert not again.done(), "woken once for each of them"
    connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and pid <> pg_backend_pid()")
    await asyncio.wait_for(again, 30)
    print("\\n" + json.dumps(["woken once", "and again"]))

asyncio.run(main())
"""


def test_one_word_for_all_that_comes_within_seconds(warehouse: sa.Engine, tmp_path: Path) -> None:
    # Woken once per answer, Airflow would start runs faster than it ends them; deaf after the warehouse restarted, none at all.
    assert json.loads(in_airflow(tmp_path, LISTEN)) == ["woken once", "and again"]


@pytest.mark.scheduler
def test_an_answer_starts_the_closed_loop(warehouse: sa.Engine, tmp_path: Path, shopkeeper_home: Path) -> None:
    folder = tiny.make(tmp_path / "shop")
    (folder / "programmes.yml").write_text(tiny.PROGRAMMES)
    (folder / "closed_loop.yml").write_text(yaml.safe_dump({"rules": {"low_score": {"kind": "low_score"}}}))
    now = datetime.now(UTC)
    put(warehouse, "customers", [{"customer_id": "Z1", "joined_on": now.date()}], loaded_at=now)
    wave = put_wave(warehouse, load(folder, environ={}), "relationship", now)
    (invitation,) = put_invitations(warehouse, wave, ["Z1"], now, in_queue=False)
    with Supervisor(shopkeeper_home) as supervisor, airflow(supervisor, folder, is_scheduled=True) as there:

        def runs() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = there.get("/api/v2/dags/close_loop/dagRuns", limit=100)["dag_runs"]
            return found

        def wait_for(seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                supervisor.check()
                with warehouse.connect() as connection:
                    if connection.scalar(sa.text("select count(*) from ops.work_orders")):
                        return True
                time.sleep(1)
            return False

        # The watcher fires when it begins to listen: wait until that, and what the clock has started, is over.
        quiet = time.monotonic() + 300
        while time.monotonic() < quiet and not (runs() and all(run["state"] == "success" for run in runs())):
            supervisor.check()
            time.sleep(1)
        with warehouse.begin() as connection:
            said = "insert into pii.survey_submissions (invitation_id, score, is_complete, locale) values (:id, 2, true, 'en')"
            connection.execute(sa.text(said), {"id": invitation})
        since = datetime.now(UTC)
        assert wait_for(200), "nobody was woken"
        woken = [run for run in runs() if datetime.fromisoformat(run["queued_at"]) >= since - timedelta(seconds=1)]
        assert "asset_triggered" in {run["run_type"] for run in woken}
