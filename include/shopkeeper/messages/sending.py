"""Sending what our own people are to be told, each message at most once, as the survey's e-mails are sent.

docs/adr/0008-at-most-once.md says how. E-mails and chats do not wait for each other: a chat that is down keeps no alert back.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.company.closed_loop import QuietHours
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.messages import claims, digests
from shopkeeper.messages.channels import Channel, Email, InChat, Ready
from shopkeeper.messages.chat import ChatDown
from shopkeeper.messages.claims import QUEUE, Claimed
from shopkeeper.survey import mode
from shopkeeper.survey.mail import NotWritten
from shopkeeper.survey.queue import Recovered, working
from shopkeeper.survey.smtp import Mailer, Outcome, RateLimit

CHUNK = 50
# Where a chunk goes to was looked up when it was claimed; after so long it is given back and looked up anew.
CHUNK_SECONDS = 45.0
RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4))  # after temporary refusals; the fourth is final

Clock = Callable[[], datetime]


@dataclass
class Sent:
    """What a run did: messages by how they ended, those not sent by reason, and what earlier runs had left.

    `digests` stand for `digested` messages, which were too many for one person at a time.
    """

    delivery: str
    ended: Counter[str] = field(default_factory=Counter)
    not_sent: Counter[str] = field(default_factory=Counter)
    digests: int = 0
    digested: int = 0
    recovered: Recovered = field(default_factory=Recovered)

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = {"delivery": self.delivery}
        found |= {name: self.ended[name] for name in ("sent", "refused", "deferred", "doubtful")}
        found |= {"not_sent": dict(self.not_sent), "digests": self.digests, "digested": self.digested}
        if self.recovered.released or self.recovered.doubtful:
            found["after_dead_senders"] = {"released": self.recovered.released, "doubtful": self.recovered.doubtful}
        return found


def send_due(
    engine: sa.Engine, folder: CompanyFolder, *, clock: Clock, workers: int = 1, note: Callable[[str], None] = lambda text: None
) -> Sent:
    """Send every message that is due by the clock; several runs at once do not disturb each other.

    In live delivery what is not urgent waits for quiet hours to end; the sandbox shows at any hour what would be sent. `workers`
    send e-mails; all chats share one more. Raises ShopkeeperError when delivery is not set up, or when the mail server or a chat
    takes nothing, after all the others have been served; what was not sent then waits for the next run.
    """
    with engine.connect() as connection:
        where = mode.current(connection)
    now = clock()
    result = Sent(where.delivery, recovered=QUEUE.recover(engine, now))
    urgent_only = where.delivery == "live" and is_quiet(folder.closed_loop.quiet_hours, now, folder.company.zone)
    made = digests.make(engine, folder, urgent_only=urgent_only, now=now)
    result.digests, result.digested = made.digests, made.digested
    run = _Run(engine, folder, where, clock, urgent_only=urgent_only, result=result)
    targets = claims.due(engine, urgent_only=urgent_only, now=now)
    tasks: list[Callable[[], None]] = []
    if None in targets:
        tasks += [run.emails] * workers
    tasks += [partial(run.chat, target) for target in sorted(filter(None, targets))]
    problems: list[Problem] = []
    with ThreadPoolExecutor(max_workers=workers + 1, thread_name_prefix="messages") as pool:
        for end in [pool.submit(task) for task in tasks]:
            try:
                end.result()
            except ShopkeeperError as error:
                problems += error.problems
    note(f"{result.ended['sent']} messages sent")
    if problems:
        raise ShopkeeperError(list(dict.fromkeys(problems)))
    return result


def is_quiet(hours: QuietHours, now: datetime, zone: ZoneInfo) -> bool:
    """Is `now` within the hours in which nobody is disturbed, on the company's clock? Never where they end as they start."""
    clock = now.astimezone(zone).time()
    if hours.starts <= hours.ends:
        return hours.starts <= clock < hours.ends
    return clock >= hours.starts or clock < hours.ends


class _Run:
    """What the workers of one run share."""

    def __init__(
        self, engine: sa.Engine, folder: CompanyFolder, where: mode.Mode, clock: Clock, *, urgent_only: bool, result: Sent
    ) -> None:
        self.engine, self.folder, self.where, self.clock = engine, folder, where, clock
        self.urgent_only, self.result = urgent_only, result
        self._lock = threading.Lock()
        sender = folder.programmes.sender
        self._rate = RateLimit(sender.per_second if sender else 1)

    def emails(self) -> None:
        sender = self.folder.programmes.sender
        if sender is None:
            raise fail("programmes.yml › sender", "is missing, so no e-mail can be sent", "add sender: {name: …, address: …}")
        with Mailer(self.where.server) as mailer:
            self._work(Email(mailer, self.where, sender, self._rate))

    def chat(self, target: str) -> None:
        self._work(InChat(target, self.folder.closed_loop.chats.get(target), self.where))

    def _work(self, channel: Channel) -> None:
        with working(self.engine) as (connection, number):
            while chunk := self._claim(connection, number, channel):
                self._send(connection, channel, chunk)

    def _claim(self, connection: sa.Connection, number: int, channel: Channel) -> list[Claimed]:
        channel.connect()
        now = self.clock()
        chunk = claims.claim(connection, number, target=channel.target, urgent_only=self.urgent_only, now=now, size=CHUNK)
        connection.commit()
        return chunk

    def _send(self, connection: sa.Connection, channel: Channel, chunk: Sequence[Claimed]) -> None:
        began = time.monotonic()
        channel.look_up(connection, chunk, self.clock())
        for place, one in enumerate(chunk):
            hand_over = self._ready(connection, channel, one)
            if hand_over is None:
                continue
            if wait := channel.wait():
                connection.commit()
                time.sleep(wait)
            if time.monotonic() - began > CHUNK_SECONDS or not claims.begin(connection, one, now=self.clock()):
                self._put_back(connection, chunk[place:])
                return
            # This commit also holds how the message before this one ended: one wait for the disk per message.
            connection.commit()
            left = chunk[place:]
            try:
                outcome = hand_over()
                left = chunk[place + 1 :]
                self._tell(connection, one, outcome)
                channel.check(outcome)
            except ShopkeeperError as down:
                self._put_back(connection, left, down.wait if isinstance(down, ChatDown) else None)
                raise
        connection.commit()

    def _ready(self, connection: sa.Connection, channel: Channel, one: Claimed) -> Ready | None:
        """Written and addressed; None where that cannot be, which has been noted then."""
        try:
            if one.title is None:
                raise NotWritten("erased")
            return channel.write(one, self.clock())
        except NotWritten as why_not:
            QUEUE.end(connection, one, "not_sent", now=self.clock(), reason=why_not.reason)
            self._count("not_sent", why_not.reason)
            return None

    def _tell(self, connection: sa.Connection, one: Claimed, outcome: Outcome) -> None:
        """Write down how it ended; the caller commits, with the beginning of the next one."""
        now = self.clock()
        if outcome.status == "deferred" and one.attempts < len(RETRY_AFTER):
            QUEUE.put_off(connection, one, due_at=now + RETRY_AFTER[one.attempts], now=now, code=outcome.code)
            self._count("deferred")
            return
        event = "refused" if outcome.status == "deferred" else outcome.status
        reason = "connection lost while it was handed over" if event == "doubtful" else None
        QUEUE.end(connection, one, event, now=now, code=outcome.code, reason=reason)
        self._count(event)

    def _put_back(self, connection: sa.Connection, left: Sequence[Claimed], wait: timedelta | None = None) -> None:
        now = self.clock()
        QUEUE.put_back(connection, left, now=now, due_at=now + wait if wait else None)
        connection.commit()

    def _count(self, what: str, reason: str | None = None) -> None:
        with self._lock:
            if what == "not_sent":
                self.result.not_sent[reason or "unknown"] += 1
            else:
                self.result.ended[what] += 1
