"""A work list that several senders share, and the append-only events that tell of it: how what is claimed comes back or comes to an end.

docs/adr/0008-at-most-once.md says why so. What is claimed, and when it may be, is the business of those who own the list.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa


class Claim(Protocol):
    """What one worker has claimed; `key` names its row in the queue."""

    @property
    def key(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Recovered:
    """`released`: claimed and not begun, back in the queue. `doubtful`: a worker died while handing it over."""

    released: int = 0
    doubtful: int = 0


@dataclass(frozen=True, eq=False)
class Queue:
    """`table` has due_at, attempts and worker; `events` has event, code, reason, actor and occurred_at; both have the columns of `key`."""

    table: sa.Table
    events: sa.Table
    key: tuple[str, ...]

    def record(
        self,
        connection: sa.Connection,
        claims: Iterable[Claim],
        event: str,
        *,
        now: datetime,
        code: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Append one event for each, inside the caller's transaction. `code` and `reason` never hold an address or a name."""
        if rows := [{**one.key, "event": event, "code": code, "reason": reason, "occurred_at": now} for one in claims]:
            connection.execute(sa.insert(self.events), rows)

    def put_back(
        self,
        connection: sa.Connection,
        claims: Sequence[Claim],
        *,
        now: datetime,
        reason: str | None = None,
        code: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Back to the queue, as it was or due later; certainly not sent."""
        self.record(connection, claims, "released", now=now, code=code, reason=reason)
        values: dict[str, Any] = {"worker": None} if due_at is None else {"worker": None, "due_at": due_at}
        for one in claims:
            connection.execute(sa.update(self.table).where(self._is(one)).values(values))

    def put_off(self, connection: sa.Connection, one: Claim, *, due_at: datetime, now: datetime, code: str | None) -> None:
        """The server said: not now. One more attempt has been made."""
        self.record(connection, [one], "deferred", now=now, code=code)
        attempts = self.table.c.attempts + 1
        connection.execute(sa.update(self.table).where(self._is(one)).values(worker=None, attempts=attempts, due_at=due_at))

    def end(
        self, connection: sa.Connection, one: Claim, event: str, *, now: datetime, code: str | None = None, reason: str | None = None
    ) -> None:
        """Sent, refused, doubtful or not sent: it leaves the queue."""
        self.record(connection, [one], event, now=now, code=code, reason=reason)
        connection.execute(sa.delete(self.table).where(self._is(one)))

    def recover(self, engine: sa.Engine, now: datetime) -> Recovered:
        """Clear up after every worker that holds claims and no longer lives.

        A worker holds the advisory lock of its own number as long as its session lasts; whoever can take that lock knows that
        it is dead. What it had only claimed goes back; what it was handing over is doubtful.
        """
        released: int = 0
        doubtful: int = 0
        with engine.connect() as connection:
            workers = connection.scalars(sa.text(f"select distinct worker from {self.table} where worker is not null")).all()
            for worker in workers:
                connection.commit()
                if connection.scalar(sa.text("select pg_try_advisory_xact_lock(:worker)"), {"worker": worker}):
                    row = connection.execute(sa.text(self._recovery()), {"worker": worker, "now": now}).one()
                    released, doubtful = released + row.released, doubtful + row.doubtful
            connection.commit()
        return Recovered(released, doubtful)

    def _is(self, one: Claim) -> sa.ColumnElement[bool]:
        return sa.and_(*(self.table.c[name] == one.key[name] for name in self.key))

    def _recovery(self) -> str:
        columns = ", ".join(self.key)
        of_queue = ", ".join(f"queue.{name}" for name in self.key)
        same_event = " and ".join(f"events.{name} = queue.{name}" for name in self.key)
        same_found = " and ".join(f"found.{name} = queue.{name}" for name in self.key)
        return f"""
            with found as (
                select {of_queue}, latest.event
                from {self.table} as queue
                cross join lateral (select event from {self.events} as events where {same_event} order by event_id desc limit 1) as latest
                where queue.worker = :worker
            ),
            told as (
                insert into {self.events} ({columns}, event, reason, occurred_at)
                select {columns}, case when event = 'sending' then 'doubtful' else 'released' end, 'the sender died', :now from found
            ),
            back as (
                update {self.table} as queue set worker = null from found where found.event <> 'sending' and {same_found}
                returning queue.worker
            ),
            gone as (
                delete from {self.table} as queue using found where found.event = 'sending' and {same_found} returning queue.worker
            )
            select (select count(*) from back) as released, (select count(*) from gone) as doubtful
        """


@contextmanager
def working(engine: sa.Engine) -> Iterator[tuple[sa.Connection, int]]:
    """A worker: a session of its own and a number, whose advisory lock says that it lives.

    When anything goes wrong inside, the session ends and its lock with it; then the next run clears up.
    """
    number = secrets.randbits(62)
    with engine.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
        connection.commit()
        try:
            yield connection, number
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
            connection.commit()
        except BaseException:
            connection.invalidate()
            raise
