"""The cycle under a real Airflow: API server, scheduler and DAG processor, as `./shopkeeper run` and `up` start them."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
import tiny

from shopkeeper.company.load import load
from shopkeeper.pipeline import steps
from shopkeeper.pipeline.cycle import Order, Progress, follow, run_with_airflow, run_without_airflow
from shopkeeper.pipeline.orchestrator import Airflow, airflow
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.processes import PROC, carriers
from shopkeeper.warehouse.supervisor import Supervisor

pytestmark = pytest.mark.scheduler

PATIENCE = 600  # seconds; the machine may be busy with other tests


@pytest.fixture
def company(tmp_path: Path, warehouse: sa.Engine) -> Path:
    return tiny.make(tmp_path / "shop")


def wait_for(done: Callable[[], object], supervisor: Supervisor) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        supervisor.check()
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(1)


def sockets(pid: int) -> set[str]:
    try:
        return {str(link.readlink()) for link in (PROC / str(pid) / "fd").iterdir()}
    except OSError:  # it has ended meanwhile
        return set()


def listening(pids: set[int]) -> dict[str, int]:
    """address → port of every TCP socket on which one of these processes listens."""
    held = set().union(*(sockets(pid) for pid in pids))
    found = {}
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                address, port = fields[1].split(":")
                found[address] = int(port, 16)
    return found


def of_home(home: Path) -> set[int]:
    return set(carriers(f"SHOPKEEPER_HOME={home}")) - {os.getpid()}


def test_a_cycle_under_the_scheduler(company: Path, warehouse: sa.Engine, shopkeeper_home: Path) -> None:
    told: list[Progress] = []
    notes: list[str] = []
    with Supervisor(shopkeeper_home) as supervisor:
        run_with_airflow(supervisor, load(company), Order(), told.append, notes.append)
    states = {(one.dag_id, one.step): one.state for one in told}
    assert states == {(step.dag_id, step.name): "succeeded" for dag_id in steps.CYCLE for step in steps.steps_of(dag_id)}
    loaded = next(one for one in told if one.step == "load_survey" and one.state == "succeeded")
    assert loaded.summary["rows_in"] == tiny.ANSWERS
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from quality.publications")) == 1
        assert set(connection.scalars(sa.text("select distinct status from ops.runs"))) == {"succeeded"}
    assert not of_home(shopkeeper_home), "something of Airflow is still alive"


@pytest.mark.slow
def test_the_clock_starts_ingestion_and_assets_wake_the_build(company: Path, warehouse: sa.Engine, shopkeeper_home: Path) -> None:
    with Supervisor(shopkeeper_home) as supervisor, airflow(supervisor, company, is_scheduled=True) as there:
        # Everything is closed to others: keys and passwords on disk, and every socket.
        secret = [shopkeeper_home / "airflow" / name for name in ("secret", "password", "passwords.json", "airflow.cfg")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
        password = (shopkeeper_home / "airflow" / "password").read_text()
        assert password not in "".join(log.read_text() for log in there.logs.glob("*.log")), "the password stands in a log"
        assert set(listening(of_home(shopkeeper_home))) == {"0100007F"}, "something listens beyond 127.0.0.1"
        assert httpx.get(f"{there.url}/api/v2/dags").status_code == httpx.codes.UNAUTHORIZED

        def runs(dag_id: str) -> list[dict[str, str]]:
            found: list[dict[str, str]] = there.get(f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
            return found

        wait_for(lambda: runs("build_marts"), supervisor)
        by_clock, by_asset = runs("ingest_sources")[0], runs("build_marts")[0]
        assert (by_clock["run_type"], by_asset["run_type"]) == ("scheduled", "asset_triggered")
        length = datetime.fromisoformat(by_clock["data_interval_end"]) - datetime.fromisoformat(by_clock["data_interval_start"])
        assert length == timedelta(hours=1)
    with warehouse.connect() as connection:
        ends = set(connection.scalars(sa.text("select interval_end from ops.batches where interval_end is not null")))
    assert ends == {datetime.fromisoformat(by_clock["data_interval_end"])}


# What a reader of raw sees: the latest version of each record, whatever batch brought it.
LATEST = """
with

numbered as (
    select
        to_jsonb(version) - '_batch_id' - '_loaded_at' - '_row_number' as content,
        row_number() over (partition by _key order by updated_at desc nulls last, _loaded_at desc, _batch_id desc) as place
    from raw.{entity} as version
    where _batch_id in (select batch_id from ops.batches where status = 'passed')
)

select cast(content as text) from numbered where place = 1 order by 1
"""

MARTS = ("nps_by_segment", "fct_survey_responses", "customer_lifetime_values", "dim_customers", "band_economics")


@pytest.mark.long
def test_a_backfill_over_past_hours_equals_one_run_over_the_span(
    company: Path, warehouse: sa.Engine, server: Server, shopkeeper_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # History is loaded in pieces; readers must not see the seams.
    (company / "programmes.yml").write_text(tiny.PROGRAMMES)
    with Supervisor(shopkeeper_home) as supervisor, airflow(supervisor, company, is_scheduled=False) as there:
        span = {"from_date": tiny.FIRST.isoformat(), "to_date": (tiny.LAST - timedelta(hours=1)).isoformat()}
        asked = {"dag_id": "ingest_sources", "reprocess_behavior": "none", "max_active_runs": 1, "run_backwards": False, "dag_run_conf": {}}
        backfill = there.post("/api/v2/backfills", {**asked, **span})["id"]
        wait_for(lambda: there.get(f"/api/v2/backfills/{backfill}")["completed_at"], supervisor)
        done = there.get("/api/v2/dags/ingest_sources/dagRuns")["dag_runs"]
        assert {(run["run_type"], run["state"]) for run in done} == {("backfill", "success")}
        assert len(done) == 5
        # The one DAG that must not do the past again.
        asking = there.post("/api/v2/backfills", {**asked, "dag_id": "trigger_surveys", **span})["id"]
        wait_for(lambda: there.get(f"/api/v2/backfills/{asking}")["completed_at"], supervisor)
        assert {run["state"] for run in there.get("/api/v2/dags/trigger_surveys/dagRuns")["dag_runs"]} == {"success"}
        follow(there, Order(dags=("build_marts",), as_of=tiny.LAST), lambda _: None, supervisor.check)
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from ops.waves")) == 0, "a backfill has drawn a wave"
    with warehouse.connect() as connection:
        windows = connection.scalars(sa.text("select count(*) from ops.batches group by entity")).all()
    assert windows == [5, 5, 5]

    server.create_database("at_once", template="migrated")
    monkeypatch.setenv("WAREHOUSE_URL", server.url("at_once"))
    at_once = engine(server.url("at_once"))
    window = {"read_from": tiny.FIRST, "read_to": tiny.LAST}
    order = Order(dags=("ingest_sources", "build_marts"), as_of=tiny.LAST, **window)
    run_without_airflow(load(company), order, lambda _: None, lambda: datetime.now(UTC))

    def seen(database: sa.Engine, query: str) -> list[str]:
        with database.connect() as connection:
            return list(connection.scalars(sa.text(query)))

    for entity in ("customers", "revenue", "survey_responses"):
        in_pieces = seen(warehouse, LATEST.format(entity=entity))
        assert in_pieces, entity
        assert in_pieces == seen(at_once, LATEST.format(entity=entity)), entity
    for mart in MARTS:
        query = f"select cast(mart as text) from marts.{mart} as mart order by 1"
        assert seen(warehouse, query) == seen(at_once, query), mart
    at_once.dispose()


START = """
import sys
from pathlib import Path
from shopkeeper.pipeline.orchestrator import airflow
from shopkeeper.warehouse.embedded import home
from shopkeeper.warehouse.supervisor import Supervisor
with Supervisor(home()) as supervisor, airflow(supervisor, Path(sys.argv[1]), is_scheduled=False) as there:
    there.post("/api/v2/dags/ingest_sources/dagRuns", {"logical_date": None, "conf": {}})
    print("at work", flush=True)
    input()
"""


@pytest.mark.slow
def test_a_killed_command_leaves_nothing_behind_after_the_next_start(company: Path, warehouse: sa.Engine, shopkeeper_home: Path) -> None:
    # A second scheduler on the same metadata would run every task twice, and nobody would know where it came from.
    command = subprocess.Popen([sys.executable, "-c", START, str(company)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    assert command.stdout.readline().strip() == "at work"
    before = of_home(shopkeeper_home)
    command.send_signal(signal.SIGKILL)
    command.wait()
    survivors = before - {command.pid}
    assert len(survivors & of_home(shopkeeper_home)) >= 3, "kill -9 gives nobody the time to stop anything"
    notes: list[str] = []
    with Supervisor(shopkeeper_home) as supervisor:
        assert not survivors & of_home(shopkeeper_home)
        with airflow(supervisor, company, is_scheduled=False, note=notes.append) as there:
            assert "ending ingest_sources, which was left unfinished" in notes
            ended_well(there, supervisor)
    assert not of_home(shopkeeper_home)


def ended_well(there: Airflow, supervisor: Supervisor) -> None:
    """The next run is not held up by the one that was killed."""
    told: list[Progress] = []
    follow(there, Order(dags=("ingest_sources",)), told.append, supervisor.check)
    # it may be over before anybody has seen it running
    assert [one.state for one in told if one.step == "confirm_batches"][-1] == "succeeded"
