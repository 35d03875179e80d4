"""What is to be sent to our own people, written down in the transaction of what it tells about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.warehouse import ids

Kind = Literal["alert", "escalation", "approval", "feedback", "thanks", "scorecard", "huddle_pack", "digest"]


@dataclass(frozen=True)
class Message:
    """One message to an employee (by e-mail) or to a chat of closed_loop.yml; exactly one of `employee_id` and `target`.

    `identity` is what makes it one message: the same again is the same, and is not sent twice. Title, bodies and `excerpt` (what a
    digest says of it) may name people; they are kept in `pii`. The title of one to a chat never names a customer.
    """

    kind: Kind
    identity: str
    title: str = field(repr=False)
    body: str = field(repr=False)
    due_at: datetime
    employee_id: str | None = None
    target: str | None = None
    html: str | None = field(default=None, repr=False)
    excerpt: str | None = field(default=None, repr=False)
    order_id: UUID | None = None
    response_key: str | None = None
    is_urgent: bool = False

    @property
    def message_id(self) -> UUID:
        return ids.stable_id("message", self.identity)


def post(connection: sa.Connection, message: Message, *, now: datetime) -> bool:
    """Write the message down and put it into the queue, inside the caller's transaction; False where it was there already."""
    row = {
        "message_id": message.message_id,
        "kind": message.kind,
        "channel": "email" if message.employee_id else "chat",
        "employee_id": message.employee_id,
        "target": message.target,
        "about_order_id": message.order_id,
        "about_response_key": message.response_key,
        "is_urgent": message.is_urgent,
        "due_at": message.due_at,
        "made_at": now,
    }
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    insert = sa.text(f"insert into ops.messages ({columns}) values ({values}) on conflict (message_id) do nothing")
    if not connection.execute(insert, row).rowcount:
        return False
    texts = {name: getattr(message, name) for name in ("message_id", "title", "body", "html", "excerpt")}
    connection.execute(
        sa.text(
            "insert into pii.message_texts (message_id, title, body, html, excerpt) values (:message_id, :title, :body, :html, :excerpt)"
        ),
        texts,
    )
    connection.execute(
        sa.text("insert into ops.message_queue (message_id, due_at) values (:message_id, :due_at)"),
        {"message_id": message.message_id, "due_at": message.due_at},
    )
    return True
