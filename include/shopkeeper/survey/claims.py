"""The queue of invitations as workers see it: claiming what is due, giving it back, and clearing up after workers that died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.survey.approval import IS_APPROVED
from shopkeeper.survey.ledger import Message
from shopkeeper.survey.queue import Queue
from shopkeeper.warehouse.survey_tables import INVITATION_EVENTS, SEND_QUEUE

QUEUE = Queue(SEND_QUEUE, INVITATION_EVENTS, ("invitation_id", "message"))

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


put_back, put_off, end, recover = QUEUE.put_back, QUEUE.put_off, QUEUE.end, QUEUE.recover
