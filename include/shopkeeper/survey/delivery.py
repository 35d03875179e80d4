"""Sending what is due, each e-mail at most once.

A worker claims some messages, looks at each once more, says in the ledger that it is being sent, hands it over, and says how
that went. Whatever kills it, and whenever: what it had not begun goes back to the queue, and the one message of which nobody
knows whether it went out is listed as doubtful until a person settles it. docs/adr/0008-at-most-once.md says why so.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import BUILT_IN, Programme, Quarantine
from shopkeeper.survey import claims, mode, packet, recheck, suppression, windows
from shopkeeper.survey.claims import Claimed
from shopkeeper.survey.links import Keys
from shopkeeper.survey.mail import Letter, NotWritten, Writer
from shopkeeper.survey.packet import Packet
from shopkeeper.survey.queue import Recovered, working
from shopkeeper.survey.smtp import Envelope, Mailer, MailServerDown, Outcome, RateLimit

CHUNK = 100
# Who a chunk writes to and why not was looked up when it was claimed; after so long it is given back and looked up anew.
CHUNK_SECONDS = 45.0
STALE_AFTER = timedelta(hours=6)
RETRY_AFTER = (timedelta(minutes=15), timedelta(hours=4))  # after the first and the second temporary refusal; the third is final

Clock = Callable[[], datetime]


@dataclass
class Sent:
    """What a run of `send_due` did: messages by how they ended, those not sent by reason, and what earlier runs had left."""

    delivery: str
    ended: Counter[str] = field(default_factory=Counter)
    not_sent: Counter[str] = field(default_factory=Counter)
    recovered: Recovered = field(default_factory=Recovered)
    why_nothing: str | None = None

    def summary(self) -> dict[str, Any]:
        counts = {name: self.ended[name] for name in ("sent", "refused", "deferred", "doubtful", "put_off")}
        found: dict[str, Any] = {"delivery": self.delivery, **counts, "not_sent": dict(self.not_sent)}
        if self.recovered.released or self.recovered.doubtful:
            found["after_dead_senders"] = {"released": self.recovered.released, "doubtful": self.recovered.doubtful}
        if self.why_nothing:
            found["why_nothing"] = self.why_nothing
        return found


def send_due(
    engine: sa.Engine,
    folder: CompanyFolder,
    *,
    clock: Clock,
    as_of: datetime | None = None,
    is_backfill: bool = False,
    workers: int = 2,
    note: Callable[[str], None] = lambda text: None,
) -> Sent:
    """Send every message that is due by the clock, with so many workers; several runs at once do not disturb each other.

    A backfill sends nothing, nor does live delivery for an `as_of` more than six hours behind the clock: `why_nothing` says so.
    Raises ShopkeeperError when delivery is not set up, a template does not work, or the mail server takes no mail; what was
    not sent then waits for the next run.
    """
    with engine.connect() as connection:
        where = mode.current(connection)
    now = clock()
    result = Sent(where.delivery)
    if is_backfill:
        result.why_nothing = "a backfill sends nothing"
    elif where.delivery == "live" and as_of is not None and now - as_of > STALE_AFTER:
        hours = (now - as_of).total_seconds() / 3600
        result.why_nothing = f"as_of is {hours:.0f} hours behind the clock, and live delivery never looks back more than 6"
    if result.why_nothing:
        return result
    result.recovered = claims.recover(engine, now)
    run = _Run(engine, folder, where=where, clock=clock, note=note, result=result)
    if run.has_due(BUILT_IN):
        run.start(workers)
    note(f"{result.ended['sent']} sent")
    return result


class _Run:
    """What the workers of one run share."""

    def __init__(
        self, engine: sa.Engine, folder: CompanyFolder, *, where: mode.Mode, clock: Clock, note: Callable[[str], None], result: Sent
    ) -> None:
        self.engine, self.folder, self.where, self.clock, self.note, self.result = engine, folder, where, clock, note, result
        self.quarantine: Quarantine = folder.programmes.quarantine
        self.stopped = threading.Event()
        self._lock, self._noted = threading.Lock(), time.monotonic()

    def has_due(self, provider: str) -> bool:
        query = """
            select exists (
                select from ops.send_queue inner join ops.invitations using (invitation_id)
                where worker is null and send_queue.due_at <= :now and provider = :provider
            )
        """
        with self.engine.connect() as connection:
            return bool(connection.scalar(sa.text(query), {"now": self.clock(), "provider": provider}))

    def start(self, workers: int) -> None:
        """Work until nothing is due. Raises what stopped the first worker that was stopped, after the others have ended too."""
        writer = Writer(self.folder, Keys.from_environment())
        rate = RateLimit(writer.sender.per_second)
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sender") as pool:
            ends = [pool.submit(_Worker(self, writer, rate).work) for _ in range(workers)]
        for each in ends:
            each.result()

    def count(self, what: str, reason: str | None = None) -> None:
        with self._lock:
            if what == "not_sent":
                self.result.not_sent[reason or "unknown"] += 1
            else:
                self.result.ended[what] += 1
            if time.monotonic() - self._noted > 5:
                self._noted = time.monotonic()
                self.note(f"{self.result.ended['sent']} sent so far")


class _Worker:
    """One sender: a session of its own, whose advisory lock says that it lives, and one connection to the mail server."""

    def __init__(self, run: _Run, writer: Writer, rate: RateLimit) -> None:
        self.run, self.writer, self.rate = run, writer, rate
        self.has_place = False
        self.programmes: dict[UUID, Programme] = {}

    def work(self) -> None:
        try:
            with working(self.run.engine) as (self.connection, self.number), Mailer(self.run.where.server) as self.mailer:
                while not self.run.stopped.is_set() and (chunk := self._claim()):
                    self._send(chunk)
        except BaseException:
            self.run.stopped.set()
            raise

    def _claim(self) -> list[Claimed]:
        now = self.run.clock()
        # A server that takes no mail is found out before anything is claimed.
        self.mailer.connect()
        chunk = claims.claim(self.connection, self.number, provider=BUILT_IN, delivery=self.run.where.delivery, now=now, size=CHUNK)
        self.connection.commit()
        return chunk

    def _send(self, chunk: Sequence[Claimed]) -> None:
        began, now = time.monotonic(), self.run.clock()
        self._read_programmes(chunk)
        packets = packet.gather(self.connection, [one.invitation_id for one in chunk], now)
        hindered = recheck.from_other_records(self.connection, chunk, packets, self.programmes, quarantine=self.run.quarantine, now=now)
        self.connection.commit()
        for place, one in enumerate(chunk):
            if self.run.stopped.is_set() or time.monotonic() - began > CHUNK_SECONDS:
                self._put_back(chunk[place:])
                return
            self._wait_for_place()
            envelope, verdict = self._judge(one, packets[one.invitation_id], hindered.get(one.invitation_id))
            if verdict.what == "paused":
                self._put_back(chunk[place:])
                return
            if envelope is None:
                self._leave_out(one, verdict)
                self.connection.commit()
                continue
            recheck.begin(self.connection, one, packets[one.invitation_id], now=self.run.clock())
            # This commit also holds how the e-mail before this one ended: one wait for the disk per e-mail.
            self.connection.commit()
            self.has_place = False
            try:
                outcome = self.mailer.send(envelope)
            except MailServerDown:
                self._put_back(chunk[place:])
                raise
            self._tell(one, packets[one.invitation_id], outcome)
            try:
                self.mailer.check()
            except MailServerDown:
                self._put_back(chunk[place + 1 :])
                raise
        self.connection.commit()

    def _wait_for_place(self) -> None:
        """Under the rate limit. A place that was not used, as the e-mail was not to be sent, is kept for the next one."""
        if not self.has_place and (wait := self.rate.reserve()):
            self.connection.commit()
            time.sleep(wait)
        self.has_place = True

    def _judge(self, one: Claimed, whom: Packet, hindered: str | None) -> tuple[Envelope | None, recheck.Verdict]:
        now = self.run.clock()
        programme = self.programmes[one.wave_id]
        verdict = recheck.judge(self.connection, one, whom, programme=programme, quarantine=self.run.quarantine, now=now)
        if verdict.what != "send":
            return None, verdict
        if reason := whom.may_not_be_asked or hindered:
            return None, recheck.Verdict("not_sent", reason)
        zone = windows.zones().get(whom.timezone or "", self.run.folder.company.zone)
        is_live = self.run.where.delivery == "live"  # the sandbox shows at any hour what would be sent
        if is_live and (opens := recheck.next_opening(one, programme, zone, now)):
            return None, recheck.Verdict("wait", "send_window", opens)
        letter = Letter(one.invitation_id, one.message, programme, one.locale, one.arms, one.expires_at, whom)
        try:
            envelope = self.writer.write(letter, now=now)
        except NotWritten as why_not:
            return None, recheck.Verdict("not_sent", why_not.reason)
        if not self.run.where.admits(envelope.recipient):
            return None, recheck.Verdict("not_sent", "not_on_sandbox_list")
        return envelope, verdict

    def _leave_out(self, one: Claimed, verdict: recheck.Verdict) -> None:
        now = self.run.clock()
        if verdict.what == "wait":
            claims.put_back(self.connection, [one], now=now, reason=verdict.reason, due_at=verdict.until)
            self.run.count("put_off")
        else:
            claims.end(self.connection, one, "not_sent", now=now, reason=verdict.reason)
            self.run.count("not_sent", verdict.reason)

    def _tell(self, one: Claimed, whom: Packet, outcome: Outcome) -> None:
        """Write down how it ended; the caller commits, with the beginning of the next one."""
        now = self.run.clock()
        if outcome.status == "deferred" and one.attempts < len(RETRY_AFTER):
            claims.put_off(self.connection, one, due_at=now + RETRY_AFTER[one.attempts], now=now, code=outcome.code)
            self.run.count("deferred")
            return
        event = "refused" if outcome.status == "deferred" else outcome.status
        reason = "connection lost while it was handed over" if event == "doubtful" else None
        claims.end(self.connection, one, event, now=now, code=outcome.code, reason=reason)
        if event == "refused" and outcome.is_about_mailbox:
            kind: suppression.Kind = "soft_bounces" if outcome.status == "deferred" else "hard_bounce"
            suppression.block(
                self.connection, kind, invitation_id=one.invitation_id, reason=outcome.code or "", now=now, address=whom.email
            )
        self.run.count(event)

    def _put_back(self, rest: Sequence[Claimed]) -> None:
        claims.put_back(self.connection, rest, now=self.run.clock())
        self.connection.commit()

    def _read_programmes(self, chunk: Sequence[Claimed]) -> None:
        """Each wave keeps to the programme as it was when it was drawn."""
        if missing := {one.wave_id for one in chunk} - self.programmes.keys():
            rows = self.connection.execute(
                sa.text("select wave_id, config from ops.waves where wave_id = any(:ids)"), {"ids": list(missing)}
            )
            self.programmes |= {row.wave_id: Programme.model_validate(row.config) for row in rows}
