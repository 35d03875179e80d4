"""The queue as workers see it: claiming what is due, giving it back, and clearing up after workers that died."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.survey import ledger
from shopkeeper.survey.approval import IS_APPROVED
from shopkeeper.survey.ledger import Message

# What may go out now: of a wave drawn for this mode, approved where it is live, and not paused. Anything else waits.
MAY_GO = f"""
    waves.delivery = :delivery
    and (waves.delivery = 'sandbox' or {IS_APPROVED})
    and not exists (
        select from ops.pauses
        where pauses.resumed_at is null and (pauses.programme is null or pauses.programme = invitations.programme)
    )
"""

_CLAIM = f"""
    with picked as (
        select queue.invitation_id, queue.message, queue.due_at
        from ops.send_queue as queue
        inner join ops.invitations using (invitation_id)
        inner join ops.waves using (wave_id)
        where queue.worker is null and queue.due_at <= :now and invitations.provider = :provider and {MAY_GO}
        order by queue.due_at, queue.invitation_id
        limit :size
        for update of queue skip locked
    ),
    taken as (
        update ops.send_queue as queue set worker = :worker
        from picked
        where queue.invitation_id = picked.invitation_id and queue.message = picked.message
        returning queue.invitation_id, queue.message, queue.due_at, queue.attempts
    ),
    told as (
        insert into ops.invitation_events (invitation_id, message, event, occurred_at)
        select invitation_id, message, 'claimed', :now from taken
    )
    select
        taken.invitation_id, taken.message, taken.due_at, taken.attempts, invitations.wave_id, invitations.programme,
        invitations.customer_id, invitations.employee_id, invitations.interaction_id, invitations.locale, invitations.arms,
        invitations.expires_at
    from taken
    inner join ops.invitations using (invitation_id)
    order by taken.due_at, taken.invitation_id
"""


@dataclass(frozen=True)
class Claimed:
    """One message that this worker alone may send."""

    invitation_id: UUID
    message: Message
    due_at: datetime
    attempts: int
    wave_id: UUID
    programme: str
    customer_id: str | None
    employee_id: str | None
    interaction_id: str | None
    locale: str
    arms: Mapping[str, str]
    expires_at: datetime

    @property
    def key(self) -> dict[str, Any]:
        return {"invitation_id": self.invitation_id, "message": self.message}


def claim(connection: sa.Connection, worker: int, *, provider: str, delivery: str, now: datetime, size: int) -> list[Claimed]:
    """Take up to `size` due messages that nobody else has; the caller commits, and only then are they its own."""
    given = {"worker": worker, "provider": provider, "delivery": delivery, "now": now, "size": size}
    return [Claimed(**row) for row in connection.execute(sa.text(_CLAIM), given).mappings()]


def put_back(
    connection: sa.Connection,
    claims: Sequence[Claimed],
    *,
    now: datetime,
    reason: str | None = None,
    code: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Back to the queue, as it was or due later; certainly not sent."""
    ledger.record_all(
        connection, (ledger.Event(one.invitation_id, "released", now, message=one.message, code=code, reason=reason) for one in claims)
    )
    for one in claims:
        connection.execute(
            sa.text(
                """
                update ops.send_queue set worker = null, due_at = coalesce(:due_at, due_at)
                where invitation_id = :invitation_id and message = :message
                """
            ),
            {**one.key, "due_at": due_at},
        )


def put_off(connection: sa.Connection, one: Claimed, *, due_at: datetime, now: datetime, code: str | None) -> None:
    """The mail server said: not now. One more attempt has been made."""
    ledger.record(connection, one.invitation_id, "deferred", message=one.message, code=code, occurred_at=now)
    connection.execute(
        sa.text(
            """
            update ops.send_queue set worker = null, attempts = attempts + 1, due_at = :due_at
            where invitation_id = :invitation_id and message = :message
            """
        ),
        {**one.key, "due_at": due_at},
    )


def end(connection: sa.Connection, one: Claimed, event: str, *, now: datetime, code: str | None = None, reason: str | None = None) -> None:
    """Sent, refused, doubtful or not sent: it leaves the queue."""
    ledger.record(connection, one.invitation_id, event, message=one.message, code=code, reason=reason, occurred_at=now)
    connection.execute(sa.text("delete from ops.send_queue where invitation_id = :invitation_id and message = :message"), one.key)


# --- workers that died ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recovered:
    """`released`: claimed and not begun, back in the queue. `doubtful`: a worker died while handing it over."""

    released: int = 0
    doubtful: int = 0


_RECOVER = """
    with found as (
        select queue.invitation_id, queue.message, latest.event
        from ops.send_queue as queue
        cross join lateral (
            select event from ops.invitation_events as events
            where events.invitation_id = queue.invitation_id and events.message = queue.message
            order by event_id desc limit 1
        ) as latest
        where queue.worker = :worker
    ),
    told as (
        insert into ops.invitation_events (invitation_id, message, event, reason, occurred_at)
        select invitation_id, message, case when event = 'sending' then 'doubtful' else 'released' end, 'the sender died', :now
        from found
    ),
    back as (
        update ops.send_queue as queue set worker = null
        from found where found.event <> 'sending' and queue.invitation_id = found.invitation_id and queue.message = found.message
        returning queue.invitation_id
    ),
    gone as (
        delete from ops.send_queue as queue
        using found where found.event = 'sending' and queue.invitation_id = found.invitation_id and queue.message = found.message
        returning queue.invitation_id
    )
    select (select count(*) from back) as released, (select count(*) from gone) as doubtful
"""


def recover(engine: sa.Engine, now: datetime) -> Recovered:
    """Clear up after every worker that holds claims and no longer lives.

    A worker holds the advisory lock of its own number as long as its session lasts; whoever can take that lock knows that
    it is dead. What it had only claimed goes back; what it was handing over is doubtful.
    """
    released: int = 0
    doubtful: int = 0
    with engine.connect() as connection:
        workers = connection.scalars(sa.text("select distinct worker from ops.send_queue where worker is not null")).all()
        for worker in workers:
            connection.commit()
            if connection.scalar(sa.text("select pg_try_advisory_xact_lock(:worker)"), {"worker": worker}):
                row = connection.execute(sa.text(_RECOVER), {"worker": worker, "now": now}).one()
                released, doubtful = released + row.released, doubtful + row.doubtful
        connection.commit()
    return Recovered(released, doubtful)
