"""What is to be sent to our own people, written down in the transaction of what it tells about."""

from __future__ import annotations

import json
from collections.abc import Iterable
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


# One statement for as many as there are: a morning's scorecards, or three thousand alerts, are not three round trips each.
_POST = sa.text("""
    with given as (
        select * from jsonb_to_recordset(cast(:messages as jsonb)) as given (
            message_id uuid, kind text, channel text, employee_id text, target text, order_id uuid, response_key text, is_urgent boolean,
            due_at timestamptz, title text, body text, html text, excerpt text
        )
    ),
    posted as (
        insert into ops.messages
            (message_id, kind, channel, employee_id, target, about_order_id, about_response_key, is_urgent, due_at, made_at)
        select message_id, kind, channel, employee_id, target, order_id, response_key, is_urgent, due_at, :now from given
        on conflict (message_id) do nothing
        returning message_id
    ),
    told as (
        insert into pii.message_texts (message_id, title, body, html, excerpt)
        select message_id, title, body, html, excerpt from given inner join posted using (message_id)
    ),
    queued as (
        insert into ops.message_queue (message_id, due_at)
        select message_id, due_at from given inner join posted using (message_id)
    )
    select count(*) from posted
""")


def post(connection: sa.Connection, messages: Iterable[Message], *, now: datetime) -> int:
    """Write messages down and put them into the queue, inside the caller's transaction; returns how many were not there already."""
    rows: dict[UUID, dict[str, object]] = {}
    for message in messages:
        rows.setdefault(message.message_id, _row(message))
    if not rows:
        return 0
    posted: int = connection.execute(_POST, {"messages": json.dumps(list(rows.values())), "now": now}).scalar_one()
    return posted


def _row(message: Message) -> dict[str, object]:
    names = ("kind", "employee_id", "target", "response_key", "is_urgent", "title", "body", "html", "excerpt")
    return {name: getattr(message, name) for name in names} | {
        "message_id": str(message.message_id),
        "channel": "email" if message.employee_id else "chat",
        "order_id": str(message.order_id) if message.order_id else None,
        "due_at": message.due_at.isoformat(),
    }
