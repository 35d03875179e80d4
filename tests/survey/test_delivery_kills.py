"""Killing the trigger and the senders anywhere, with several at work: nobody is asked twice, and nobody is forgotten."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.survey import doomed
from tests.survey.conftest import MakeProgrammes
from tests.survey.mail_server import ACCEPT, MailServer
from tests.survey.people import customer, interaction, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import delivery, ledger
from shopkeeper.survey.sampling import draw

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALL_DAY = {"starts": "00:00", "ends": "23:59", "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
PER_ROUND = 16


def script(recipient: str) -> str:
    """One in eight mailboxes is not there."""
    return "550 5.1.1 no such user" if recipient.startswith("gone") else ACCEPT


class World:
    def __init__(self, engine: sa.Engine, folder: CompanyFolder, server: MailServer, settings: dict[str, str]) -> None:
        self.engine, self.folder, self.server, self.settings = engine, folder, server, settings
        self.context, self.random = doomed.fork_server(), random.Random(4)
        self.rounds = self.hits = self.hits_while_drawing = 0
        self.usual = 5.0
        self.round(kills=False)

    def new_customers(self) -> datetime:
        """Sixteen more customers with a claim each; returns the moment of the run that is to ask them."""
        self.rounds += 1
        as_of = START + timedelta(hours=self.rounds)
        people = [
            customer(f"{'gone' if number % 8 == 0 else 'C'}{self.rounds}-{number}", timezone="Europe/Berlin") for number in range(PER_ROUND)
        ]
        put(self.engine, "customers", people)
        put(
            self.engine,
            "interactions",
            [interaction(f"I{p['customer_id']}", str(p["customer_id"]), as_of - timedelta(minutes=9)) for p in people],
        )
        return as_of

    def round(self, *, kills: bool = True, in_the_draw: bool = False) -> None:
        """Two runs at once, of two senders each; both are killed, each at a moment of its own, unless they have ended before.

        `in_the_draw` kills both at once while one of them is writing a wave that it has not committed.
        """
        as_of = self.new_customers()
        began = time.monotonic()
        runs = [doomed.start(self.context, self.settings, self.folder.folder, as_of, self.now) for _ in range(2)]
        is_drawing = in_the_draw and self._catch_drawing()
        if is_drawing:
            for run in runs:
                run.kill()
        for run, at in zip(runs, sorted(self.random.uniform(0.02, self.usual) for _ in runs), strict=True):
            run.join(max(0.0, began + at - time.monotonic()) if kills else 120)
            if run.exitcode is None:
                run.kill()
                run.join()
            elif run.exitcode == 0:
                self.usual = 0.5 * self.usual + 0.5 * (time.monotonic() - began)
        assert {run.exitcode for run in runs} <= {0, -9}
        self._count([run for run in runs if run.exitcode == -9], is_drawing=is_drawing)

    def _catch_drawing(self) -> bool:
        """Wait until a run is writing and no wave of this round is there; then for as long again as chance will have it."""
        writing = "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null"
        waves = self._query("select count(*) from ops.waves")
        for _ in range(2000):
            if self._query(writing):
                time.sleep(self.random.uniform(0, 0.08))
                return self._query(writing) > 0 and self._query("select count(*) from ops.waves") == waves
            time.sleep(0.002)
        return False

    def _count(self, killed: list[object], *, is_drawing: bool) -> None:
        """A kill has hit when it left something to clear up: claims of dead senders, or a wave that was not drawn."""
        if not killed:
            return
        self._settle_backends()
        dead = self._query("select count(distinct worker) from ops.send_queue where worker is not null")
        undrawn = self._query(
            "select count(*) from raw.interactions where interaction_id not in (select interaction_id from ops.invitations)"
        )
        self.hits += min(len(killed), dead) or min(1, undrawn)
        self.hits_while_drawing += is_drawing and undrawn > 0

    def _settle_backends(self) -> None:
        """The server takes a moment to see that a client is dead."""
        for _ in range(200):
            if self._query("select count(*) from pg_stat_activity where datname = current_database()") <= 4:
                return
            time.sleep(0.01)

    @property
    def now(self) -> datetime:
        return START + timedelta(days=1, hours=self.rounds)

    def finish(self) -> None:
        draw(self.engine, self.folder, as_of=START + timedelta(hours=self.rounds), now=self.now)
        delivery.send_due(self.engine, self.folder, clock=lambda: self.now)

    def _query(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text(query)) or 0)


@pytest.fixture
def world(
    warehouse: sa.Engine, warehouse_url: str, make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> object:
    folder = make_programmes(
        sender={"name": "Brunnenhof", "address": "service@brunnenhof.example", "per_second": 10000},
        claims={"kind": "transactional", "after": {"interaction_types": ["claim"]}, "window": ALL_DAY, "locales": ["en", "de"]},
    )
    with MailServer(script, delay=0.01) as server:
        settings = {
            "WAREHOUSE_URL": warehouse_url,
            "SHOPKEEPER_SANDBOX_SMTP_URL": server.url,
            "SHOPKEEPER_LINK_KEYS": "1:a-secret-of-more-than-24-characters",
            "SHOPKEEPER_HOME": str(tmp_path),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", "")
        yield World(warehouse, folder, server, settings)


def check(world: World) -> None:
    """Nobody twice, nobody forgotten, and what the ledger says is what the mail server saw."""
    mails = Counter(str(message["Message-ID"]) for message in world.server.messages())
    assert mails.most_common(1)[0][1] == 1, "an invitation was e-mailed twice"
    query = f"""
        select invitations.customer_id, invitation_id, states.state
        from ({ledger.INVITATION_STATES}) as states inner join ops.invitations using (invitation_id)
    """
    with world.engine.connect() as connection:
        assert ledger.contradictions(connection) == []
        ends = connection.execute(sa.text(query)).all()
    assert Counter(row.customer_id for row in ends).keys() == {
        f"{'gone' if number % 8 == 0 else 'C'}{each}-{number}" for each in range(1, world.rounds + 1) for number in range(PER_ROUND)
    }
    assert len(ends) == world.rounds * PER_ROUND, "a customer was invited twice"
    seen = {str(message["X-Invitation"]).partition(".")[0] for message in world.server.messages()}
    by_state: dict[str, set[str]] = {}
    for row in ends:
        by_state.setdefault(row.state, set()).add(str(row.invitation_id))
    assert by_state.keys() <= {"sent", "refused", "doubtful"}
    assert by_state["sent"] <= seen <= by_state["sent"] | by_state.get("doubtful", set())
    assert {str(one.invitation_id) for one in ledger.list_doubtful(world.engine)} == by_state.get("doubtful", set())

    # Somebody looks the doubtful ones up in the mail server's log, and says so; then nothing is open any more.
    for one in ledger.list_doubtful(world.engine):
        ledger.release(world.engine, one.invitation_id, was_sent=str(one.invitation_id) in seen, actor="ann", now=world.now)
    world.finish()
    reached = Counter(world.server.recipients())
    assert set(reached.values()) == {1}
    assert len(reached) == sum(number % 8 != 0 for number in range(PER_ROUND)) * world.rounds
    assert ledger.list_doubtful(world.engine) == []


def kill_until(world: World, hits: int, *, while_drawing: int) -> None:
    # A draw is short beside the sending: every third round waits for one.
    while world.hits < hits or world.hits_while_drawing < while_drawing:
        world.round(in_the_draw=world.rounds % 3 == 0)
        assert world.rounds < 3 * hits, "the kills no longer land where they should"
    world.finish()
    check(world)


def test_a_killed_run_asks_nobody_twice_and_forgets_nobody(world: World) -> None:
    # The machine dies in the middle of a wave. Starting over must neither annoy those who were asked nor skip the rest.
    kill_until(world, 12, while_drawing=2)


@pytest.mark.long
def test_two_hundred_kills(world: World) -> None:
    # The same at two hundred random points of drawing and sending, with two runs of two senders each.
    kill_until(world, 200, while_drawing=30)
