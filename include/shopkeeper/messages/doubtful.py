"""Messages of which nobody knows whether they went out: a list, and a person's word on each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail


@dataclass(frozen=True)
class Doubtful:
    """A message that was being handed over when the sender died or the connection broke; to an employee, or to a chat."""

    message_id: UUID
    kind: str
    employee_id: str | None
    target: str | None
    reason: str | None
    occurred_at: datetime


_DOUBTFUL = """
    select events.message_id, messages.kind, messages.employee_id, messages.target, events.reason, events.occurred_at
    from ops.message_events as events
    inner join ops.messages using (message_id)
    where events.event = 'doubtful' and not exists (
        select from ops.message_events as later where later.message_id = events.message_id and later.event_id > events.event_id
    )
"""


def list_doubtful(engine: sa.Engine) -> list[Doubtful]:
    """Oldest first. They are not sent again until a person says so."""
    with engine.connect() as connection:
        return [Doubtful(**row) for row in connection.execute(sa.text(f"{_DOUBTFUL} order by events.event_id")).mappings()]


def is_message(engine: sa.Engine, message_id: UUID) -> bool:
    """Is this the id of a message to our own people?"""
    with engine.connect() as connection:
        return bool(connection.scalar(sa.text("select exists (select from ops.messages where message_id = :id)"), {"id": message_id}))


def release(engine: sa.Engine, message_id: UUID, *, was_sent: bool, actor: str, now: datetime) -> None:
    """A person's word on a doubtful message: it was sent, or it was not and goes back to the queue, due at `now`.

    Raises ShopkeeperError when the message is not doubtful.
    """
    with engine.begin() as connection:
        connection.execute(sa.text("select from ops.messages where message_id = :id for update"), {"id": message_id})
        if connection.execute(sa.text(f"{_DOUBTFUL} and events.message_id = :id"), {"id": message_id}).one_or_none() is None:
            raise fail(f"message {message_id}", "is not doubtful", "./shopkeeper doubtful list shows those that are")
        said = {"id": message_id, "event": "sent" if was_sent else "released", "actor": actor, "now": now}
        connection.execute(
            sa.text(
                """
                insert into ops.message_events (message_id, event, reason, actor, occurred_at)
                values (:id, :event, 'said by a person', :actor, :now)
                """
            ),
            said,
        )
        if not was_sent:
            connection.execute(sa.text("insert into ops.message_queue (message_id, due_at) values (:id, :now)"), said)
