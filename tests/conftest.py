"""Fixtures: a real Postgres for the session, a fresh migrated warehouse per test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.schema import migrate

_numbers = itertools.count()

# With a few workers, a long file that begins last is waited for alone: these begin first.
LONGEST = (
    *("integration/", "dbt/core/test_touched", "examples/test_olist.", "airflow/test_scheduler", "airflow/test_compose"),
    *("dbt/core/test_incremental", "pipeline/", "airflow/", "dbt/", "survey/test_delivery_kills"),
)

MEMORY = Path("/dev/shm")
ROOM = 12 << 30  # bytes that must be free, for three clusters, the demo and what programs need beside them


def pytest_configure(config: pytest.Config) -> None:
    """What tests write lies in memory where there is room for it, unless TMPDIR says otherwise: a disk is waited for at every turn.

    The folder is the run's own and goes with it; workers inherit it.
    """
    if "TMPDIR" in os.environ or not _has_room():
        return
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-tests-", dir=MEMORY))
    folder.chmod(0o755)  # the database's user must reach its data
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _has_room() -> bool:
    """Whether files and the memory that they take both fit."""
    try:
        free = shutil.disk_usage(MEMORY).free
        told = Path("/proc/meminfo").read_text()
    except OSError:
        return False
    available = next((int(line.split()[1]) << 10 for line in told.splitlines() if line.startswith("MemAvailable:")), 0)
    return min(free, available) >= ROOM and os.access(MEMORY, os.W_OK)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, name in enumerate(LONGEST) if name in item.path.as_posix()), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A cluster of its own for this test process; `SHOPKEEPER_TEST_POSTGRES=16` picks the older version."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    folder.chmod(0o755)
    server = Server(folder / "cluster", major=int(os.environ.get("SHOPKEEPER_TEST_POSTGRES", "18")), is_disposable=True)
    server.start()
    with make_engine(server.url("warehouse")).connect():
        pass
    server.create_database("migrated")
    migrated = make_engine(server.url("migrated"))
    migrate(migrated)
    migrated.dispose()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def warehouse_url(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a fresh, migrated, empty warehouse; also set as WAREHOUSE_URL. It goes with the test: a thousand would fill the memory."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    server.create_database(name, template="migrated")
    monkeypatch.setenv("WAREHOUSE_URL", server.url(name))
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[sa.Engine]:
    """Engine on a fresh, migrated, empty warehouse."""
    engine = make_engine(warehouse_url)
    yield engine
    engine.dispose()


def _real_data(name: str) -> Path:
    """The folder of a data set. Skips, and says so, where it is not told; fails where it is told wrongly."""
    root = os.environ.get("SHOPKEEPER_REAL_DATA")
    if not root:
        pytest.skip(f"NOT RUN: what {name} proves was not proven. Set SHOPKEEPER_REAL_DATA to the folder that holds {name}/")
    folder = Path(root).resolve() / name
    if not folder.is_dir():
        pytest.fail(f"SHOPKEEPER_REAL_DATA is set, but {folder} is no folder")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("olist")` is the folder of that data set."""
    return _real_data
