"""Whatever fails and whatever is killed: each message is handed over at most once, none is forgotten, and the books are right."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.messages import doomed_sender
from tests.messages.conftest import GoLive
from tests.messages.world import DIE, KEEP_AND_DIE, Chatroom, company, contradictions, employees, fates, message, post
from tests.survey import doomed, mail_server
from tests.survey.mail_server import ACCEPT, MailServer

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages import claims, doubtful, sending
from shopkeeper.messages.outbox import Message
from shopkeeper.messages.sending import is_quiet, send_due
from shopkeeper.survey import control

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
PEOPLE = ("E1", "E2", "E3")
REPLIES = (
    ACCEPT, ACCEPT, ACCEPT, "550 5.1.1 gone", "550 5.7.1 no", "452 4.2.2 full",
    mail_server.DIE_AFTER_DATA, mail_server.KEEP_AND_DIE, mail_server.DIE_BEFORE_DATA,
)  # fmt: skip
STATUSES = (200, 200, 200, 400, 404, 500, 503, KEEP_AND_DIE, DIE)
STEPS = ("tell", "tell", "tell", "flood", "send", "send", "send", "die", "die", "settle", "pause", "resume", "hour", "night")
TOKEN = re.compile(r"title \w+\.")


class Died(Exception):
    """In place of a kill."""


class Story:
    """One warehouse, and what may happen to it. Delivery is live, so that quiet hours hold."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, mail: MailServer, room: Chatroom, seed: int) -> None:
        self.engine, self.folder, self.mail, self.room = engine, folder, mail, room
        self.random, self.now, self.numbers = random.Random(seed), START, itertools.count()
        self.urgent: set[str] = set()
        mail.mails.clear()
        room.said.clear()
        mail.script = lambda recipient: self.random.choice(REPLIES)
        room.script = lambda: self.random.choice(STATUSES)

    def message(self, **columns: object) -> Message:
        chat = "team" if self.random.random() < 0.25 else None
        is_urgent = self.random.random() < 0.3
        made = message(next(self.numbers), self.now, chat=chat, is_urgent=is_urgent, **{"to": self.random.choice(PEOPLE), **columns})  # type: ignore[arg-type]
        if is_urgent:
            self.urgent.add(made.title)
        return made

    def tell(self) -> None:
        post(self.engine, *(self.message() for _ in range(3)))

    def flood(self) -> None:
        post(self.engine, *(self.message(to="E1") for _ in range(9)))

    def send(self) -> None:
        quiet = is_quiet(self.folder.closed_loop.quiet_hours, self.now, self.folder.company.zone)
        before = len(self.mail.mails), len(self.room.said)
        with suppress(ShopkeeperError):
            send_due(self.engine, self.folder, clock=lambda: self.now, workers=self.random.choice((1, 2)))
        if quiet:
            told = [tokens(one) for one in self.mail.messages()[before[0] :]]
            told += [TOKEN.findall(title) for title, _ in self.room.said[before[1] :]]
            assert all(set(each) & self.urgent for each in told if each), "somebody was woken up for nothing"

    def die(self) -> None:
        """A sender claims some and is gone; or it has just handed one over, and could not say so any more."""
        if self.random.random() < 0.6:
            with patch.object(sending._Run, "_tell", side_effect=Died), suppress(Died, ShopkeeperError):
                send_due(self.engine, self.folder, clock=lambda: self.now)
            return
        with self.engine.begin() as connection:
            target, worker = self.random.choice((None, "team")), self.random.getrandbits(60)
            claims.claim(connection, worker, target=target, urgent_only=False, now=self.now, size=2)

    def settle(self) -> None:
        for one in doubtful.list_doubtful(self.engine)[:2]:
            doubtful.release(self.engine, one.message_id, was_sent=self.random.random() < 0.5, actor="ann", now=self.now)

    def pause(self) -> None:
        control.pause(self.engine, programme=None, reason="why not", actor="ann", now=self.now)

    def resume(self) -> None:
        for _ in control.open_pauses(self.engine)[:1]:
            control.resume(self.engine, programme=None, actor="ann", now=self.now)

    def hour(self) -> None:
        self.now += timedelta(hours=1)

    def night(self) -> None:
        self.now += timedelta(hours=10)

    def check(self) -> None:
        query = """
            select messages.message_id, texts.title,
                count(*) filter (where event in ('sent', 'doubtful') and actor = 'shopkeeper') as handed_over,
                count(*) filter (where event = 'sending') as begun,
                count(*) filter (where event = 'released' and actor <> 'shopkeeper') as sent_again
            from ops.messages inner join pii.message_texts as texts using (message_id)
            inner join ops.message_events using (message_id) group by 1, 2
        """
        with self.engine.connect() as connection:
            assert contradictions(connection) == []
            told = connection.execute(sa.text(query)).all()
        seen = Counter(str(one["X-Message"]) for one in self.mail.messages())
        said = Counter(title for title, _ in self.room.said)
        for row in told:
            assert row.handed_over <= 1 + row.sent_again, "handed over once more than a person said"
            in_chat = said[row.title] if TOKEN.fullmatch(row.title) else 0
            arrived = seen[str(row.message_id)] + in_chat
            assert arrived <= min(row.begun, 1 + row.sent_again), "arrived more often than the books say"

    def end(self) -> None:
        """All is well again: now everything is told that was not given up, and nothing twice."""
        self.mail.script, self.room.script = (lambda recipient: ACCEPT), (lambda: 200)
        self.resume()
        while control.open_pauses(self.engine):
            self.resume()
        for _ in range(2):
            for one in doubtful.list_doubtful(self.engine):
                doubtful.release(self.engine, one.message_id, was_sent=True, actor="ann", now=self.now)
            self.now = (self.now + timedelta(days=1)).replace(hour=12)
            send_due(self.engine, self.folder, clock=lambda: self.now)
        self.check()
        ends = {title: fate.split()[0] for title, fate in fates(self.engine).items()}
        assert set(ends.values()) <= {"sent", "refused", "digested"}, "somebody was never told"
        with self.engine.connect() as connection:
            assert connection.scalar(sa.text("select count(*) from ops.message_queue")) == 0


def tokens(one: object) -> list[str]:
    """Every message that an e-mail is, or that it lists as a digest."""
    body = one.get_body(("plain",))  # type: ignore[attr-defined]
    return [*TOKEN.findall(str(one["Subject"])), *TOKEN.findall(body.get_content())]  # type: ignore[index]


STORIES = {"steps": st.lists(st.sampled_from(STEPS), min_size=4, max_size=14), "seed": st.integers(0, 2**32)}
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def live(folder: CompanyFolder, go_live: GoLive) -> Iterator[tuple[CompanyFolder, Chatroom]]:
    go_live()
    with Chatroom() as room:
        yield company(folder.folder, chats={"team": {"url": room.url}}), room


@settings(max_examples=8, **UNHURRIED)  # type: ignore[arg-type]
@given(**STORIES)  # type: ignore[arg-type]
def test_no_order_of_faults_tells_twice_or_forgets(
    warehouse: sa.Engine, live: tuple[CompanyFolder, Chatroom], mail: MailServer, steps: list[str], seed: int
) -> None:
    # Mail servers and chats fail in every way at once on the day on which everybody is unhappy.
    tell(Story(warehouse, live[0], mail, live[1], seed), steps)


@pytest.mark.long
@settings(max_examples=200, **UNHURRIED)  # type: ignore[arg-type]
@given(**STORIES)  # type: ignore[arg-type]
def test_many_orders_of_faults(
    warehouse: sa.Engine, live: tuple[CompanyFolder, Chatroom], mail: MailServer, steps: list[str], seed: int
) -> None:
    # The same, often enough to meet rare ones.
    tell(Story(warehouse, live[0], mail, live[1], seed), steps)


TABLES = ("ops.messages", "pii.message_texts", "ops.message_events", "ops.message_queue", "ops.pauses", "raw.employees", "pii.employees")


def tell(story: Story, steps: list[str]) -> None:
    with story.engine.begin() as connection:
        connection.execute(sa.text(f"truncate {', '.join(TABLES)}"))
    employees(story.engine, *PEOPLE)
    for step in ("tell", *steps):
        getattr(story, step)()
        story.check()
    story.end()


# --- kills ------------------------------------------------------------------------------------------------------------


PER_ROUND = 16


class Killing:
    """Rounds of two runs at once, of two senders and a chat each, killed at moments of their own."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, mail: MailServer, room: Chatroom, settings: dict[str, str]) -> None:
        self.engine, self.folder, self.mail, self.room, self.settings = engine, folder, mail, room, settings
        self.context, self.random = doomed.fork_server(), random.Random(7)
        self.rounds = self.hits = 0
        self.usual = 1.5
        employees(engine, *(f"E{number}" for number in range(PER_ROUND)))
        self.round(kills=False)

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=20 * self.rounds)

    def round(self, *, kills: bool = True) -> None:
        self.rounds += 1
        told = [message(f"{self.rounds}x{number}", self.now, to=f"E{number}") for number in range(PER_ROUND - 2)]
        told += [message(f"{self.rounds}c{number}", self.now, chat="team") for number in range(3)]
        if self.rounds % 4 == 0:  # a flood, for the kill to fall into the making of a digest
            told += [message(f"{self.rounds}f{number}", self.now, to=f"E{PER_ROUND - 1}") for number in range(12)]
        post(self.engine, *told)
        began = time.monotonic()
        runs = [doomed_sender.start(self.context, self.settings, self.folder.folder, self.now) for _ in range(2)]
        for run, at in zip(runs, sorted(self.random.uniform(0.02, self.usual) for _ in runs), strict=True):
            run.join(max(0.0, began + at - time.monotonic()) if kills else 60)
            if run.exitcode is None:
                run.kill()
                run.join()
            elif run.exitcode == 0:
                self.usual = 0.5 * self.usual + 0.5 * (time.monotonic() - began)
        assert {run.exitcode for run in runs} <= {0, -9}
        if any(run.exitcode == -9 for run in runs):
            self._settle()
            self.hits += self._query("select count(distinct worker) from ops.message_queue where worker is not null") > 0

    def _settle(self) -> None:
        """The server takes a moment to see that a client is dead."""
        for _ in range(200):
            if self._query("select count(*) from pg_stat_activity where datname = current_database()") <= 4:
                return
            time.sleep(0.01)

    def _query(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text(query)) or 0)

    def until(self, hits: int) -> None:
        while self.hits < hits:
            self.round()
            assert self.rounds < 4 * hits + 10, "the kills no longer land where they should"
        self.rounds += 1
        send_due(self.engine, self.folder, clock=lambda: self.now)
        arrived = Counter(token for one in self.mail.messages() for token in set(tokens(one)))
        said = Counter(title for title, _ in self.room.said)
        unsure = {one.message_id for one in doubtful.list_doubtful(self.engine)}
        query = """
            select messages.message_id, title, digest_id, target
            from ops.messages inner join pii.message_texts using (message_id) where kind <> 'digest'
        """
        with self.engine.connect() as connection:
            assert contradictions(connection) == []
            told = connection.execute(sa.text(query)).all()
        assert len(told) >= (PER_ROUND + 1) * (self.rounds - 1)
        for row in told:
            count = said[row.title] if row.target else arrived[row.title]
            assert count <= 1, f"{row.title} told twice"
            is_in_digest_of_chat = row.target and row.digest_id
            assert count == 1 or {row.message_id, row.digest_id} & unsure or is_in_digest_of_chat, f"{row.title} never told"


@pytest.fixture
def killing(warehouse: sa.Engine, warehouse_url: str, folder: CompanyFolder, mail: MailServer, tmp_path: Path) -> Iterator[Killing]:
    mail.delay = 0.01
    with Chatroom() as room:
        folder = company(folder.folder, chats={"team": {"url": room.url}})
        settings = {"WAREHOUSE_URL": warehouse_url, "SHOPKEEPER_SANDBOX_SMTP_URL": mail.url, "SHOPKEEPER_HOME": str(tmp_path)}
        yield Killing(warehouse, folder, mail, room, settings)


@pytest.mark.long
def test_a_killed_sender_tells_nobody_twice_and_forgets_nobody(killing: Killing) -> None:
    # The machine dies while alerts go out. Starting over must neither tell an employee twice nor leave a customer waiting.
    killing.until(8)


@pytest.mark.long
def test_two_hundred_kills_of_senders(killing: Killing) -> None:
    # The same at two hundred random points, with two runs of two senders and a chat each.
    killing.until(200)
