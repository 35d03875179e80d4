"""Handing due invitations over to providers, by the same rules as sending: claimed, sending, and then how it ended.

Whatever kills it: what it had not begun goes back to the queue, and invitations of which nobody knows whether the provider
has them are doubtful until a person says. docs/adr/0008-at-most-once.md.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.survey import claims, ledger, mode, packet, recheck
from shopkeeper.survey.claims import Claimed
from shopkeeper.survey.delivery import STALE_AFTER
from shopkeeper.survey.packet import Packet
from shopkeeper.survey.providers import files, messages, provider_for
from shopkeeper.survey.providers.base import Clock, Invitation, Outcome, Provider, Unanswered
from shopkeeper.survey.providers.http import Sleep
from shopkeeper.survey.providers.ivr import Ivr
from shopkeeper.survey.queue import working
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.embedded import home

CHUNK = 500


@dataclass
class HandedOver:
    """What a run did: invitations by how they ended, those not sent by reason, and what went wrong with which provider."""

    delivery: str
    ended: Counter[str] = field(default_factory=Counter)
    not_sent: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    why_nothing: str | None = None

    def summary(self) -> dict[str, Any]:
        counts = {name: self.ended[name] for name in ("sent", "refused", "doubtful", "put_off")}
        found: dict[str, Any] = {"delivery": self.delivery, **counts, "not_sent": dict(self.not_sent)}
        return found | ({"why_nothing": self.why_nothing} if self.why_nothing else {})


class HandOverFailed(ShopkeeperError):
    """Some providers took nothing, or not all; `handed_over` is what the others have. What waits goes with the next run."""

    def __init__(self, handed_over: HandedOver) -> None:
        super().__init__(handed_over.problems)
        self.handed_over = handed_over


def hand_over(
    engine: sa.Engine,
    folder: CompanyFolder,
    *,
    clock: Clock,
    as_of: datetime | None = None,
    is_backfill: bool = False,
    note: Callable[[str], None] = lambda text: None,
    sleep: Sleep = time.sleep,
) -> HandedOver:
    """Hand over every message that is due by the clock and whose provider is not our own survey system.

    In the sandbox nothing leaves this machine: what would be handed over is written to `sandbox/<provider>` under the home
    folder. Raises HandOverFailed, a ShopkeeperError, when all providers have been tried.
    """
    with engine.connect() as connection:
        delivery = mode.current(connection).delivery
    result, now = HandedOver(delivery), clock()
    if is_backfill:
        result.why_nothing = "a backfill sends nothing"
    elif delivery == "live" and as_of is not None and now - as_of > STALE_AFTER:
        result.why_nothing = "as_of is more than 6 hours behind the clock, and live delivery never looks back further"
    if result.why_nothing:
        return result
    with locks.exclusive(engine, "survey/hand_over", wait_seconds=600):
        claims.recover(engine, now)
        for name in folder.programmes.providers:
            try:
                provider = provider_for(folder, name, sleep=sleep)
                _Worker(engine, folder, _Sandbox(provider) if delivery == "sandbox" else provider, result, clock).work()
            except ShopkeeperError as error:
                result.problems += error.problems
    note(f"{result.ended['sent']} handed over")
    if result.problems:
        raise HandOverFailed(result)
    return result


class _Sandbox:
    """In place of a provider: a folder on this machine."""

    def __init__(self, provider: Provider) -> None:
        self.name = provider.name

    def deliver(self, invitations: Sequence[Invitation], *, message: ledger.Message, batch: str) -> list[Outcome]:
        rows = [{"message": message, **each.fields()} for each in invitations]
        file = files.write(home() / "sandbox" / self.name, f"{message}s_{batch}.csv", rows, f"sandbox of {self.name}")
        return [Outcome(each.invitation_id, "sent", code=file.name) for each in invitations]


class _Worker:
    """One session, whose advisory lock says that it lives."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, provider: Provider | _Sandbox, result: HandedOver, clock: Clock) -> None:
        self.engine, self.folder, self.provider, self.result, self.clock = engine, folder, provider, result, clock
        self.programmes: dict[UUID, Programme] = {}

    def work(self) -> None:
        with working(self.engine) as (self.connection, self.number):
            while chunk := self._claim():
                self._hand_over(chunk)

    def _claim(self) -> list[Claimed]:
        name, delivery = self.provider.name, self.result.delivery
        chunk = claims.claim(self.connection, self.number, provider=name, delivery=delivery, now=self.clock(), size=CHUNK)
        self.connection.commit()
        return chunk

    def _hand_over(self, chunk: Sequence[Claimed]) -> None:
        now = self.clock()
        self._read_programmes(chunk)
        packets = packet.gather(self.connection, [one.invitation_id for one in chunk], now)
        calls = [one.interaction_id for one in chunk if one.interaction_id]
        replies = messages.replies(self.connection, self.provider.name, calls) if isinstance(self.provider, Ivr) else {}
        begun = self._begin(chunk, packets, replies)
        for message in ("invitation", "reminder"):
            if ours := [one for one in begun if one.message == message]:
                self._deliver(ours, [self._invitation(one, packets[one.invitation_id], replies) for one in ours])

    def _begin(self, chunk: Sequence[Claimed], packets: Mapping[UUID, Packet], replies: Mapping[str, str]) -> list[Claimed]:
        """Look at each once more, and say of those that may go that they are being sent. Each by itself: the look locks a person."""
        quarantine = self.folder.programmes.quarantine
        hindered = recheck.from_other_records(self.connection, chunk, packets, self.programmes, quarantine=quarantine, now=self.clock())
        begun = []
        for one in chunk:
            now, whom = self.clock(), packets[one.invitation_id]
            if isinstance(self.provider, Ivr):
                verdict = recheck.SEND  # it was judged when the call ended
            else:
                verdict = recheck.judge(
                    self.connection,
                    one,
                    whom,
                    programme=self.programmes[one.wave_id],
                    quarantine=quarantine,
                    now=now,
                )
                if verdict.what == "send" and (reason := whom.may_not_be_asked or hindered.get(one.invitation_id)):
                    verdict = recheck.Verdict("not_sent", reason)
            if verdict.what == "send":
                recheck.begin(self.connection, one, whom, now=now)
                begun.append(one)
            elif verdict.what == "not_sent":
                claims.end(self.connection, one, "not_sent", now=now, reason=verdict.reason)
                self.result.not_sent[verdict.reason or "unknown"] += 1
            else:  # paused since it was claimed, or to wait for a quarantine that ends soon
                claims.put_back(self.connection, [one], now=now, reason=verdict.reason, due_at=verdict.until)
                self.result.ended["put_off"] += 1
            self.connection.commit()
        return begun

    def _deliver(self, ours: Sequence[Claimed], invitations: Sequence[Invitation]) -> None:
        waiting = {one.invitation_id: one for one in ours}
        batch = f"{self.clock():%Y%m%dT%H%M%S}_{secrets.token_hex(4)}"
        try:
            for outcome in self.provider.deliver(invitations, message=ours[0].message, batch=batch):
                self._tell(waiting.pop(outcome.invitation_id), outcome)
                self.connection.commit()
        except Unanswered:
            for one in waiting.values():
                claims.end(self.connection, one, "doubtful", now=self.clock(), reason="connection lost while it was handed over")
                self.result.ended["doubtful"] += 1
            self.connection.commit()
            raise
        except ShopkeeperError:
            claims.put_back(self.connection, list(waiting.values()), now=self.clock())
            self.connection.commit()
            raise

    def _tell(self, one: Claimed, outcome: Outcome) -> None:
        claims.end(self.connection, one, outcome.event, now=self.clock(), code=outcome.code, reason=outcome.reason)
        if outcome.event == "not_sent":
            self.result.not_sent[outcome.reason or "unknown"] += 1
        else:
            self.result.ended[outcome.event] += 1

    def _invitation(self, one: Claimed, whom: Packet, replies: Mapping[str, str]) -> Invitation:
        return Invitation(
            invitation_id=one.invitation_id,
            programme=one.programme,
            locale=one.locale,
            expires_at=one.expires_at,
            customer_id=whom.person_id,
            interaction_id=one.interaction_id,
            email=whom.email,
            full_name=whom.full_name,
            packet=whom.fields(self.folder.company.zone),
            call_back=replies.get(one.interaction_id or ""),
        )

    def _read_programmes(self, chunk: Sequence[Claimed]) -> None:
        """Each wave keeps to the programme as it was when it was drawn."""
        if missing := {one.wave_id for one in chunk} - self.programmes.keys():
            query = sa.text("select wave_id, config from ops.waves where wave_id = any(:ids)")
            for row in self.connection.execute(query, {"ids": list(missing)}):
                self.programmes[row.wave_id] = Programme.model_validate(row.config)
