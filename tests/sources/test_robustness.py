"""Killed anywhere, run twice at once, fed with more than fits into memory."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.sources.conftest import NOW

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.sources.ingest import ingest
from shopkeeper.warehouse import batches, locks
from shopkeeper.warehouse.batches import BatchResult

Rows = Callable[[str], list[dict[str, Any]]]
Folder = Callable[..., CompanyFolder]

PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from shopkeeper.company.load import load
from shopkeeper.sources.ingest import ingest

folder = load(Path(sys.argv[1]))
print("ready", flush=True)
for batch in ingest(folder, now=datetime(2026, 3, 1, 12, tzinfo=UTC)):
    print(batch.rows_in, batch.accepted, batch.unchanged, batch.rejected)
print("peak", next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def write(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write("customer_id,joined_on,segment,email,updated_at,shoe_size\n")
        for number in range(rows):
            file.write(f"C{number},2024-01-01,gold,c{number}@example.org,2026-01-05 10:00:00,{number % 50}\n")


def customers(make_folder: Folder, path: Path, **mapping: Any) -> CompanyFolder:
    return make_folder(crm={"entities": {"customers": {"path": str(path), **mapping}}})


def start(folder: CompanyFolder) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder.folder)], stdout=subprocess.PIPE, text=True)


def test_kill_leaves_nothing_half_done(make_folder: Folder, tmp_path: Path, rows: Rows, warehouse: sa.Engine) -> None:
    write(tmp_path / "c.csv", 20_000)
    folder = customers(make_folder, tmp_path / "c.csv", full_snapshot=True)
    chance = random.Random(20260301)
    process = start(folder)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()
    process.communicate()
    whole = time.monotonic() - begun
    with warehouse.begin() as connection:
        connection.execute(sa.text("truncate raw.customers, pii.customers, ops.batches, ops.batch_events, ops.coverage"))
    killed = 0
    for _ in range(6):
        process = start(folder)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
        counts = """
            select (select count(*) from raw.customers) as raw, (select count(*) from pii.customers) as pii,
                (select coalesce(sum(accepted), 0)::int from ops.batches) as accepted, (select count(*) from ops.batches) as batches,
                (select count(*) from ops.coverage) as coverage, (select count(*) from ops.batch_events) as events
        """
        (state,) = rows(counts)
        assert state["raw"] == state["pii"] == state["accepted"]
        assert state["batches"] == state["coverage"] == state["events"]
    assert killed
    (batch,) = ingest(folder, now=NOW + timedelta(days=1))
    assert (batch.rows_in, batch.rejected, batch.deleted) == (20_000, 0, 0)
    assert rows("select count(*) as rows, count(distinct _key) as keys from raw.customers") == [{"rows": 20_000, "keys": 20_000}]
    deadline = time.monotonic() + 30
    while rows("select 1 from pg_tables where schemaname = 'landing'") and time.monotonic() < deadline:
        time.sleep(0.2)  # the killed sessions roll back within seconds
    assert not rows("select 1 from pg_tables where schemaname = 'landing'")


def test_two_runs_at_once_load_every_row_once(make_folder: Folder, tmp_path: Path, rows: Rows) -> None:
    write(tmp_path / "c.csv", 5_000)
    folder = customers(make_folder, tmp_path / "c.csv")
    loaded: list[BatchResult] = []
    threads = [threading.Thread(target=lambda: loaded.extend(ingest(folder, now=NOW))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((batch.accepted, batch.unchanged) for batch in loaded) == [(0, 5_000), (0, 5_000), (5_000, 0)]
    assert rows("select count(*) from raw.customers") == [{"count": 5_000}]


def test_a_run_that_cannot_wait_says_who_is_at_work(make_folder: Folder, tmp_path: Path, warehouse: sa.Engine) -> None:
    write(tmp_path / "c.csv", 1)
    folder = customers(make_folder, tmp_path / "c.csv")
    with (
        locks.exclusive(warehouse, batches.lock_name("customers", "crm")),
        pytest.raises(ShopkeeperError, match="lock ingest/crm/customers: another run is at work on it"),
    ):
        ingest(folder, now=NOW, wait_seconds=0.2)
    assert ingest(folder, now=NOW, wait_seconds=0.2)[0].accepted == 1


def test_a_gate_waits_for_a_load_of_the_same_source(make_folder: Folder, tmp_path: Path, warehouse: sa.Engine) -> None:
    # A row found unchanged because of a batch that fails at this moment would be lost.
    write(tmp_path / "c.csv", 1)
    (batch,) = ingest(customers(make_folder, tmp_path / "c.csv"), now=NOW)
    done = threading.Event()

    def judge() -> None:
        with warehouse.begin() as connection:
            batches.set_status(connection, batch.batch_id, "failed", reason="test", actor="gate", now=NOW)
        done.set()

    with locks.exclusive(warehouse, batches.lock_name("customers", "crm")):
        thread = threading.Thread(target=judge)
        thread.start()
        assert not done.wait(0.5)
    thread.join(10)
    assert done.is_set()


LONGER = [pytest.param(kind, marks=pytest.mark.long) for kind in ("ragged csv", "cp1252 csv", "jsonl", "parquet", "joined")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "sqlite", *LONGER])
def test_memory_does_not_grow_with_the_rows(make_folder: Folder, tmp_path: Path, kind: str) -> None:
    peaks = [peak_mb(source(make_folder, tmp_path, kind, rows), rows) for rows in (2_000, 60_000)]
    assert peaks[1] - peaks[0] < 60, peaks
    assert peaks[1] < 300, peaks


def source(make_folder: Folder, tmp_path: Path, kind: str, rows: int) -> CompanyFolder:
    """A company folder whose customers come from a source of that kind."""
    import pandas as pd

    plain = tmp_path / f"{rows}.csv"
    write(plain, rows)
    if kind == "ragged csv":
        with plain.open("a") as file:
            file.write("ragged\n")
    if kind == "cp1252 csv":
        return customers(make_folder, plain, encoding={"codec": "cp1252"})
    if kind.endswith("csv"):
        return customers(make_folder, plain)
    if kind == "joined":
        files = {"people": {"path": str(plain)}}
        return make_folder(crm={"files": files, "entities": {"customers": {"query": "select * from people"}}})
    frame, file = pd.read_csv(plain), tmp_path / f"{rows}.{kind}"
    if kind == "sqlite":
        engine = sa.create_engine(f"sqlite:///{file}")
        frame.to_sql("people", engine, index=False)
        return make_folder(crm={"connection": f"sqlite:///{file}", "entities": {"customers": {"table": "people"}}})
    if kind == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_parquet(file, index=False, row_group_size=50_000)
    return customers(make_folder, file)


def peak_mb(folder: CompanyFolder, rows: int) -> int:
    environ = {**os.environ, "CRM_URL": folder.sources["crm"].connection or ""}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder.folder)], capture_output=True, text=True, check=True, env=environ)
    ready, counts, peak = done.stdout.splitlines()
    rows_in, accepted, unchanged, rejected = map(int, counts.split())
    assert (ready, rows_in - rejected) == ("ready", rows)
    assert accepted + unchanged == rows
    return int(peak.split()[1])


def test_moments_of_a_batch_are_those_of_the_run(make_folder: Folder, tmp_path: Path, rows: Rows) -> None:
    # Time is an argument: the same run replayed at another hour must write the same rows.
    write(tmp_path / "c.csv", 2)
    moment = datetime(2001, 2, 3, 4, 5, tzinfo=UTC)
    ingest(customers(make_folder, tmp_path / "c.csv"), now=moment, run_id="run-1")
    tables = ("_loaded_at as at from raw.customers", "_loaded_at from pii.customers", "loaded_at from ops.batches")
    moments = " union select ".join((*tables, "recorded_at from ops.batch_events"))
    assert rows(f"select {moments}") == [{"at": moment}]
    assert rows("select run_id from ops.batches") == [{"run_id": "run-1"}]
