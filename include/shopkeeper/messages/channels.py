"""The two ways to our own people, as the one loop that sends sees them: e-mail, and a chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.closed_loop import Chat
from shopkeeper.company.programmes import Sender
from shopkeeper.messages.chat import Room
from shopkeeper.messages.claims import Claimed
from shopkeeper.survey.current import newest
from shopkeeper.survey.mail import NotWritten, envelope
from shopkeeper.survey.mode import Mode
from shopkeeper.survey.smtp import Mailer, Outcome, RateLimit

MESSAGE_HEADER = "X-Message"
Ready = Callable[[], Outcome]


class Channel(Protocol):
    """One connection, for one thread. `target` is the chat; None for e-mail."""

    target: str | None

    def connect(self) -> None:
        """Asked before anything is claimed. Raises ShopkeeperError when nothing can be sent at all."""

    def look_up(self, connection: sa.Connection, chunk: Sequence[Claimed], now: datetime) -> None:
        """What is needed to write to all of these."""

    def write(self, one: Claimed, now: datetime) -> Ready:
        """Everything up to handing over, which the result does: it raises ShopkeeperError when the message certainly did not arrive.

        Raises NotWritten where this one cannot be sent.
        """

    def wait(self) -> float:
        """How many seconds to wait before the next message may be handed over."""

    def check(self, outcome: Outcome) -> None:
        """Raises ShopkeeperError where after this outcome the next message would fare no better."""


class Email:
    """To employees, at the address that the CRM has for them now."""

    target: str | None = None

    def __init__(self, mailer: Mailer, where: Mode, sender: Sender, rate: RateLimit) -> None:
        self._mailer, self._where, self._sender, self._rate = mailer, where, sender, rate
        self._addresses: Mapping[str, str | None] = {}

    def connect(self) -> None:
        self._mailer.connect()

    def look_up(self, connection: sa.Connection, chunk: Sequence[Claimed], now: datetime) -> None:
        ids = [one.employee_id for one in chunk]
        rows = connection.execute(sa.text(_ADDRESSES), {"ids": ids, "today": now.date(), "known_at": "infinity"})
        self._addresses = {row.employee_id: row.email for row in rows}

    def write(self, one: Claimed, now: datetime) -> Ready:
        if one.employee_id is None or one.employee_id not in self._addresses:
            raise NotWritten("gone")
        name: UUID = one.message_id
        written = envelope(
            self._sender,
            ("", self._addresses[one.employee_id]),
            one.title or "",
            one.body or "",
            one.html,
            name=str(name),
            headers={MESSAGE_HEADER: str(name)},
            now=now,
        )
        if not self._where.admits(written.recipient):
            raise NotWritten("not_on_sandbox_list")
        return lambda: self._mailer.send(written)

    def wait(self) -> float:
        return self._rate.reserve()

    def check(self, outcome: Outcome) -> None:
        self._mailer.check()


class InChat:
    """To a chat of closed_loop.yml; None for one that is no longer there. The sandbox speaks only to one on this machine."""

    def __init__(self, target: str, chat: Chat | None, where: Mode) -> None:
        self.target: str | None = target
        self._room = Room(target, chat) if chat else None
        self._is_sandbox = where.delivery == "sandbox"

    def connect(self) -> None:
        """Whether it answers shows with the first message."""

    def look_up(self, connection: sa.Connection, chunk: Sequence[Claimed], now: datetime) -> None:
        """Nothing more is needed."""

    def write(self, one: Claimed, now: datetime) -> Ready:
        room, title, body = self._room, one.title or "", one.body or ""
        if room is None:
            raise NotWritten("no_such_chat")
        if self._is_sandbox and not room.is_local:
            raise NotWritten("sandbox")
        return lambda: room.say(title, body)

    def wait(self) -> float:
        return 0

    def check(self, outcome: Outcome) -> None:
        if self._room is not None and outcome.status in ("deferred", "doubtful"):
            raise self._room.unwell(outcome)


# Whoever has left the company by today hears of no customer any more, though the address may still be there.
_ADDRESSES = f"""
    select distinct on (versions.employee_id) versions.employee_id, versions.email
    from ({newest("employees", pii=("email",))}) as versions
    left join ops.directory using (employee_id)
    where versions.employee_id = any(:ids) and coalesce(directory.is_here, true)
    order by
        versions.employee_id, coalesce(versions.valid_from, '-infinity') <= :today desc, versions.valid_from desc nulls last
"""
