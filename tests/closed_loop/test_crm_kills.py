"""Killing whoever tells the CRM, at any moment: no task twice, none lost, none that says what was true before."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.closed_loop import doomed_write_back
from tests.closed_loop.crm_server import ORDER, TASK, HttpCrm, http_settings, make_folder, make_sql_crm
from tests.closed_loop.test_crm_write_back import say
from tests.survey.doomed import fork_server
from tests.survey.providers.fakes import Reply, serving

from shopkeeper.closed_loop.crm.write_back import write_back
from shopkeeper.company.config import CompanyFolder
from shopkeeper.warehouse.embedded import Server

START = datetime(2026, 5, 12, 9, tzinfo=UTC)
PER_ROUND = 12


class Kills:
    def __init__(self, engine: sa.Engine, url: str, folder: CompanyFolder) -> None:
        self.engine, self.url, self.folder = engine, url, folder
        self.context, self.random = fork_server(), random.Random(5)
        self.rounds, self.now = 0, START
        self.said: dict[str, int] = {}

    @contextmanager
    def round(self) -> Iterator[ForkServerProcess]:
        """Some orders change, and a run begins; the block sees to its end."""
        self.rounds += 1
        self.now += timedelta(minutes=3)
        for number in self.random.sample(range(2 * PER_ROUND), PER_ROUND):
            say(self.engine, number, self.now, attempts=self.rounds)
            self.said[ORDER.format(number)] = self.rounds
        process = self.context.Process(target=doomed_write_back.run, args=({"WAREHOUSE_URL": self.url}, self.folder.folder, self.now))
        process.start()
        yield process
        process.join(60)
        assert process.exitcode == -9, "it was not killed while it was at work"

    def finish(self) -> None:
        assert write_back(self.engine, self.folder, now=self.now + timedelta(days=2))["waiting"] == 0


def kill_over_http(engine: sa.Engine, url: str, tmp_path: Path, times: int) -> None:
    """The CRM itself kills whoever speaks to it: before it takes a task, after that, or a little later."""
    crm = HttpCrm()
    with serving(crm) as address:
        kills = Kills(engine, url, make_folder(tmp_path / "company", http_settings(address)))
        for _ in range(times):
            begun = threading.Event()
            running: list[ForkServerProcess] = []

            def kill(
                answer: Callable[[], Reply], begun: threading.Event = begun, running: list[ForkServerProcess] = running
            ) -> Reply | None:
                begun.wait(10)
                moment = kills.random.choice(("before", "after", "later"))
                told = None if moment == "before" else answer()
                if moment == "later":
                    threading.Timer(kills.random.uniform(0, 0.01), running[0].kill).start()
                    return told
                running[0].kill()
                return None

            go_on: Callable[[Callable[[], Reply]], Reply | None] = lambda answer: (time.sleep(0.002), answer())[1]  # noqa: E731
            crm.before = [*[go_on] * kills.random.randrange(PER_ROUND), kill, *[go_on] * 100]
            with kills.round() as process:
                running.append(process)
                begun.set()
        crm.before = []
        kills.finish()
    assert {key: task["attempts"] for key, task in crm.records[TASK].items()} == kills.said
    assert set(crm.created.values()) == {1}
    for key in kills.said:
        versions = [version for _, external_id, version in crm.puts if external_id == key]
        assert versions == sorted(versions)


# A CRM that takes its time for each task.
SLOW = """
    create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.01); return new; end $$;
    create trigger slow before insert or update on shopkeeper_tasks for each row execute function take_time();
"""


@pytest.mark.slow
def test_a_killed_run_tells_the_crm_nothing_twice_and_forgets_nothing(warehouse: sa.Engine, warehouse_url: str, tmp_path: Path) -> None:
    # The machine dies after the CRM has taken a task and before that is noted. The customer must not be called for two tasks.
    kill_over_http(warehouse, warehouse_url, tmp_path, 12)


@pytest.mark.long
def test_two_hundred_kills_of_the_write_back(warehouse: sa.Engine, warehouse_url: str, tmp_path: Path) -> None:
    kill_over_http(warehouse, warehouse_url, tmp_path, 200)


@pytest.mark.slow
def test_a_killed_run_leaves_a_table_of_the_crm_whole(warehouse: sa.Engine, warehouse_url: str, server: Server, tmp_path: Path) -> None:
    # Killed while it writes to the CRM's own database, or just after that: the next run must find nothing half done.
    name = f"killed_{sa.make_url(warehouse_url).database}"
    server.create_database(name)
    crm = make_sql_crm(server.url(name))
    with crm.begin() as connection:
        connection.execute(sa.text(SLOW))
    kills = Kills(warehouse, warehouse_url, make_folder(tmp_path / "company", {"kind": "sql", "url": server.url(name)}))
    for _ in range(6):
        with kills.round() as process:
            wait_until_writing(warehouse, name)
            time.sleep(kills.random.uniform(0, 0.012 * PER_ROUND))
            process.kill()
    kills.finish()
    with crm.connect() as connection:
        told = dict(connection.execute(sa.text("select external_id, attempts from shopkeeper_tasks")).tuples().all())
    crm.dispose()
    assert told == kills.said


def wait_until_writing(engine: sa.Engine, database: str) -> None:
    query = sa.text("select exists (select from pg_stat_activity where datname = :database and query ~ '^(INSERT|UPDATE)')")
    with engine.connect() as connection:
        for _ in range(10_000):
            if connection.scalar(query, {"database": database}):
                return
            time.sleep(0.002)
            connection.rollback()
    raise AssertionError("nobody writes to the CRM")
