"""The queue of messages as their senders see it: what is due, and taking it so that nobody else has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.survey.queue import Queue
from shopkeeper.warehouse.message_tables import MESSAGE_EVENTS, MESSAGE_QUEUE

QUEUE = Queue(MESSAGE_QUEUE, MESSAGE_EVENTS, ("message_id",))

_IS_PAUSED = "exists (select from ops.pauses where resumed_at is null and programme is null)"
# What may go now: due, claimed by nobody, urgent in quiet hours, and nothing at all while everything is paused.
MAY_GO = f"queue.worker is null and queue.due_at <= :now and (messages.is_urgent or not :urgent_only) and not {_IS_PAUSED}"

# An alert does not wait behind five thousand scorecards.
_CLAIM = f"""
    with picked as (
        select queue.message_id
        from ops.message_queue as queue
        inner join ops.messages using (message_id)
        where {MAY_GO} and messages.target is not distinct from :target
        order by messages.is_urgent desc, messages.kind in ('scorecard', 'huddle_pack'), queue.due_at, queue.message_id
        limit :size
        for update of queue skip locked
    ),
    taken as (
        update ops.message_queue as queue set worker = :worker from picked where queue.message_id = picked.message_id
        returning queue.message_id, queue.due_at, queue.attempts
    ),
    told as (
        insert into ops.message_events (message_id, event, occurred_at) select message_id, 'claimed', :now from taken
    )
    select taken.message_id, taken.attempts, messages.kind, messages.employee_id, texts.title, texts.body, texts.html
    from taken
    inner join ops.messages using (message_id)
    left join pii.message_texts as texts using (message_id)
    order by messages.is_urgent desc, messages.kind in ('scorecard', 'huddle_pack'), taken.due_at, taken.message_id
"""

_BEGIN = f"""
    insert into ops.message_events (message_id, event, occurred_at)
    select :message_id, 'sending', :now where not {_IS_PAUSED}
"""


@dataclass(frozen=True)
class Claimed:
    """One message that this worker alone may send. Without texts, which were erased, there is nothing to send."""

    message_id: UUID
    attempts: int
    kind: str
    employee_id: str | None
    title: str | None = field(repr=False)
    body: str | None = field(repr=False)
    html: str | None = field(repr=False)

    @property
    def key(self) -> Mapping[str, Any]:
        return {"message_id": self.message_id}


def due(engine: sa.Engine, *, urgent_only: bool, now: datetime) -> set[str | None]:
    """Where anything may go now: the names of chats, and None for e-mail."""
    query = f"select distinct messages.target from ops.message_queue as queue inner join ops.messages using (message_id) where {MAY_GO}"
    with engine.connect() as connection:
        return set(connection.scalars(sa.text(query), {"urgent_only": urgent_only, "now": now}))


def claim(connection: sa.Connection, worker: int, *, target: str | None, urgent_only: bool, now: datetime, size: int) -> list[Claimed]:
    """Take up to `size` messages for a chat, or e-mails; the caller commits, and only then are they its own."""
    given = {"worker": worker, "target": target, "urgent_only": urgent_only, "now": now, "size": size}
    return [Claimed(**row) for row in connection.execute(sa.text(_CLAIM), given).mappings()]


def begin(connection: sa.Connection, one: Claimed, *, now: datetime) -> bool:
    """Write down, before it goes out, that a message is being sent, inside the caller's transaction; False while everything is paused."""
    return connection.execute(sa.text(_BEGIN), {**one.key, "now": now}).rowcount == 1
