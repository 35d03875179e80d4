"""Killing whoever tells the CRM, at any moment: no task twice, none lost, none that says what was true before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
PER_ROUND = 30


class Kills:
    def __init__(self, engine: sa.Engine, url: str, folder: CompanyFolder) -> None:
        self.engine, self.url, self.folder = engine, url, folder
        self.context, self.random = fork_server(), random.Random(5)
        self.rounds = self.hits = 0
        self.now, self.usual = START, 1.0
        self.said: dict[str, int] = {}

    def round(self) -> None:
        """Some orders change; a run begins and is killed at some moment, unless it has ended before."""
        self.rounds += 1
        self.now += timedelta(minutes=3)
        for number in self.random.sample(range(2 * PER_ROUND), PER_ROUND):
            say(self.engine, number, self.now, attempts=self.rounds)
            self.said[ORDER.format(number)] = self.rounds
        began = time.monotonic()
        process = self.context.Process(target=doomed_write_back.run, args=({"WAREHOUSE_URL": self.url}, self.folder.folder, self.now))
        process.start()
        process.join(self.random.uniform(0.3, 1.0) * self.usual if self.rounds > 1 else 60)
        if process.exitcode is None:
            process.kill()
            process.join()
        elif process.exitcode == 0:
            self.usual = 0.5 * self.usual + 0.5 * (time.monotonic() - began)
        assert process.exitcode in (0, -9)
        self.hits += process.exitcode == -9 and 0 < self._waiting() < PER_ROUND

    def _waiting(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text("select count(*) from ops.crm_outbox where done_at is null")) or 0)

    def kill(self, hits: int) -> None:
        while self.hits < hits:
            self.round()
            assert self.rounds < 12 * hits, "the kills no longer land where they should"
        write_back(self.engine, self.folder, now=self.now + timedelta(days=2))
        assert self._waiting() == 0


def _over_http(engine: sa.Engine, url: str, tmp_path: Path, hits: int) -> None:
    crm = HttpCrm()
    slow: Callable[[Callable[[], Reply]], Reply | None] = lambda answer: (time.sleep(0.01), answer())[1]  # noqa: E731
    crm.before = [slow] * 1_000_000
    with serving(crm) as address:
        kills = Kills(engine, url, make_folder(tmp_path / "company", http_settings(address)))
        kills.kill(hits)
    assert {key: task["attempts"] for key, task in crm.records[TASK].items()} == kills.said
    assert set(crm.created.values()) == {1}
    for key in kills.said:
        versions = [version for _, external_id, version in crm.puts if external_id == key]
        assert versions == sorted(versions)


def _by_sql(engine: sa.Engine, url: str, server: Server, tmp_path: Path, hits: int) -> None:
    name = f"killed_{sa.make_url(url).database}"
    server.create_database(name)
    crm = make_sql_crm(server.url(name))
    with crm.begin() as connection:  # a CRM that takes its time for each task
        connection.execute(sa.text(SLOW))
    kills = Kills(engine, url, make_folder(tmp_path / "company", {"kind": "sql", "url": server.url(name)}))
    kills.round()
    while kills.rounds < hits:
        kills.round()
    write_back(engine, kills.folder, now=kills.now + timedelta(days=2))
    with crm.connect() as connection:
        told = dict(connection.execute(sa.text("select external_id, attempts from shopkeeper_tasks")).tuples().all())
    crm.dispose()
    assert told == kills.said


SLOW = """
    create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.005); return new; end $$;
    create trigger slow before insert or update on shopkeeper_tasks for each row execute function take_time();
"""


@pytest.mark.slow
def test_a_killed_run_tells_the_crm_nothing_twice_and_forgets_nothing(
    warehouse: sa.Engine, warehouse_url: str, server: Server, tmp_path: Path
) -> None:
    # The machine dies after the CRM has taken a task and before that is noted. The customer must not be called for two tasks.
    _over_http(warehouse, warehouse_url, tmp_path, 8)


@pytest.mark.slow
def test_a_killed_run_leaves_a_table_of_the_crm_whole(warehouse: sa.Engine, warehouse_url: str, server: Server, tmp_path: Path) -> None:
    _by_sql(warehouse, warehouse_url, server, tmp_path, 12)


@pytest.mark.long
def test_two_hundred_kills_of_the_write_back(warehouse: sa.Engine, warehouse_url: str, tmp_path: Path) -> None:
    _over_http(warehouse, warehouse_url, tmp_path, 200)
