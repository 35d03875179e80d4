"""Killing the closed loop anywhere, with two runs at work: no order is lost, none is there twice, and nobody is told twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.closed_loop import doomed_loop
from tests.closed_loop.loop_world import NOW, a_company, answer, land, people, rows
from tests.survey.doomed import fork_server
from tests.survey.mail_server import ACCEPT, MailServer
from tests.survey.people import customer, interaction, put

from shopkeeper.closed_loop import events
from shopkeeper.closed_loop.directory import refresh

PER_ROUND = 12


class World:
    """Rounds of twelve unhappy customers each; two runs at once work on them, and both are killed."""

    def __init__(self, engine: sa.Engine, path: Path, server: MailServer, settings: dict[str, str]) -> None:
        self.engine, self.path, self.server, self.settings = engine, path, server, settings
        escalations = {"nobody_called": {"when": "no_attempt", "after_hours": 4}}
        self.folder = a_company(path, escalations=escalations, digest_above=100_000)
        people(engine, customers=0)
        refresh(engine, self.folder, now=NOW)
        self.context = fork_server()
        self.context.set_forkserver_preload(["tests.closed_loop.doomed_loop_imports"])
        self.random, self.rounds, self.hits, self.usual = random.Random(7), 0, 0, 2.0
        self.answers: list[str] = []
        self.round(kills=False)

    @property
    def now(self) -> datetime:
        return NOW + timedelta(minutes=self.rounds)

    def new_answers(self) -> None:
        self.rounds += 1
        numbers = range(self.rounds * PER_ROUND, (self.rounds + 1) * PER_ROUND)
        put(self.engine, "customers", [customer(f"C{n}") for n in numbers], loaded_at=self.now)
        served = [interaction(f"I{n}", f"C{n}", NOW - timedelta(days=1), employee_id="ANN", org_unit_id="T1") for n in numbers]
        put(self.engine, "interactions", served, loaded_at=self.now)
        # In two batches, one of which says again what the other has said.
        said = [answer(f"A{n}", 2, n) for n in numbers]
        land(self.engine, *said)
        land(self.engine, *said[::2], status="failed")
        self.answers += [f"A{n}" for n in numbers]

    def start(self) -> ForkServerProcess:
        process = self.context.Process(target=doomed_loop.close_loop, args=(self.settings, self.path, self.now), daemon=True)
        process.start()
        return process

    def round(self, *, kills: bool = True) -> None:
        self.new_answers()
        began = time.monotonic()
        processes = [self.start() for _ in range(2)]
        for process, at in zip(processes, sorted(self.random.uniform(0.02, self.usual) for _ in processes), strict=True):
            process.join(max(0.0, began + at - time.monotonic()) if kills else 120)
            if process.exitcode is None:
                process.kill()
                process.join()
            elif process.exitcode == 0:
                self.usual = 0.5 * self.usual + 0.5 * (time.monotonic() - began)
            assert process.exitcode in (0, -9)
            self.hits += process.exitcode == -9 and self.is_halfway()

    def is_halfway(self) -> bool:
        """Something of the work is done, and something is not."""
        open_ones = "select count(*) from ops.work_orders where state = 'open'"
        query = f"select ({open_ones}), count(*), (select count(*) from ops.message_queue) from ops.work_orders"
        ((is_open, orders, queued),) = rows(self.engine, query)
        return bool(is_open or queued or orders < len(self.answers))

    def finish(self) -> None:
        process = self.start()
        process.join(300)
        assert process.exitcode == 0


@pytest.fixture
def world(warehouse: sa.Engine, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with MailServer(lambda recipient: ACCEPT) as server:
        settings = {"WAREHOUSE_URL": warehouse_url, "SHOPKEEPER_SANDBOX_SMTP_URL": server.url, "SHOPKEEPER_HOME": str(tmp_path)}
        monkeypatch.setenv("PYTHONPATH", "")
        yield World(warehouse, tmp_path / "company", server, settings)


def check(world: World) -> None:
    engine, customers = world.engine, {f"C{one[1:]}" for one in world.answers}
    with engine.connect() as connection:
        assert events.contradictions(connection) == []
    found = rows(engine, "select customer_id, state, close_reason, attempts from ops.work_orders")
    assert Counter(customer_id for customer_id, *_ in found) == dict.fromkeys(customers, 1), "an order was lost, or is there twice"
    assert {tuple(rest) for _, *rest in found} == {("closed", "resolved", 2)}
    told = Counter(row for row in rows(engine, "select order_id, event, reached from ops.work_order_events"))
    assert set(told.values()) == {1}, "something happened twice to an order"
    assert len(told) == 4 * len(customers), "opened, missed, reached and closed, each of them"
    assert rows(engine, "select count(*) from ops.signals where rule = 'low_score'") == [(len(customers),)]
    assert rows(engine, "select count(*) from pii.work_order_texts") == [(2 * len(customers),)]

    alerts = rows(engine, "select about_order_id, count(*) from ops.messages where kind = 'alert' group by 1")
    assert len(alerts) == len(customers)
    assert {count for _, count in alerts} == {1}, "two messages about one order"
    mails = Counter(str(message_from_bytes(mail)["Message-ID"]) for _, mail in world.server.mails)
    assert mails.most_common(1)[0][1] == 1, "a message was sent twice"
    sent = rows(engine, "select count(*) from ops.messages where digest_id is null")[0][0]
    doubtful = rows(engine, "select count(distinct message_id) from ops.message_events where event = 'doubtful'")[0][0]
    assert sent - doubtful <= len(mails) <= sent
    assert rows(engine, "select count(*) from ops.message_queue") == [(0,)]


def kill_until(world: World, hits: int) -> None:
    while world.hits < hits:
        world.round()
        assert world.rounds < 4 * hits + 10, "the kills no longer land where they should"
    world.finish()
    check(world)


@pytest.mark.slow
def test_a_killed_closed_loop_forgets_nobody_and_tells_nobody_twice(world: World) -> None:
    # The machine dies while customers wait. Starting over must neither lose one of them nor have two people call.
    kill_until(world, 20)


@pytest.mark.long
def test_two_hundred_kills_of_the_closed_loop(world: World) -> None:
    # The same at two hundred random points of noticing, keeping time, calling and telling.
    kill_until(world, 200)
