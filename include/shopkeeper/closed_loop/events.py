"""Events of work orders, and what follows from them.

`ops.work_order_events` is the truth. The changing columns of `ops.work_orders` are folded from it by one query, here: after each
event for the orders that it touched, and for all of them by `rebuild`. `contradictions` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.crm import outbox
from shopkeeper.warehouse.loop_tables import WORK_ORDER_EVENTS, WORK_ORDER_TEXTS

# Columns of ops.work_orders that follow from the events.
FOLLOWING = (
    "state",
    "owner_employee_id",
    "org_unit_id",
    "unit_path",
    "call_wanted",
    "attempts",
    "due_at",
    "close_due_at",
    "first_attempt_at",
    "reached_at",
    "closed_at",
    "close_reason",
    "cost",
    "awaits_approval",
)

# A delayed order of a comparison has no owner and is due for nobody until it is released: nobody is told of it, and nobody sees it.
HELD_BACK = "(state = 'open' and arm = 'delayed' and owner_employee_id is null and due_at is null)"


def _last(column: str, where: str) -> str:
    return f"(array_agg({column} order by event_id desc) filter (where {where}))[1]"


_FOLDED = f"""
    with events as (
        select events.*, max(event_id) filter (where event in ('opened', 'reopened')) over (partition by order_id) as began_id
        from ops.work_order_events as events
        where {{which}}
    ),
    seen as (
        select
            order_id,
            {_last("event", "event in ('opened', 'reopened', 'closed')")} = 'closed' as is_closed,
            {_last("occurred_at", "event = 'closed'")} as closed_at,
            {_last("reason", "event = 'closed'")} as close_reason,
            {_last("employee_id", "event in ('opened', 'assigned')")} as owner_employee_id,
            {_last("org_unit_id", "event in ('opened', 'assigned')")} as org_unit_id,
            {_last("unit_path", "event in ('opened', 'assigned')")} as unit_path,
            {_last("call_wanted", "call_wanted is not null")} as call_wanted,
            count(*) filter (where event = 'attempted' and event_id > began_id) as attempts,
            coalesce(bool_or(reached) filter (where event = 'attempted' and event_id > began_id), false) as is_reached,
            min(occurred_at) filter (where event = 'attempted') as first_attempt_at,
            min(occurred_at) filter (where event = 'attempted' and reached) as reached_at,
            coalesce(sum(amount) filter (where event = 'spent'), 0) as cost,
            coalesce({_last("event", "event in ('approval_asked', 'approved', 'refused')")} = 'approval_asked', false) as awaits_approval,
            {_last("due_at", "event in ('opened', 'attempted', 'reopened') or event = 'assigned' and due_at is not null")} as call_due_at,
            {_last("close_due_at", "close_due_at is not null")} as close_due_at
        from events
        group by order_id
    ),
    steps as (
        select order_id, min(due_at) as due_at
        from events
        where event = 'follow_up_planned' and event_id not in (select about_event_id from events where event = 'follow_up_done')
        group by order_id
    )
    select
        seen.order_id,
        case when is_closed then 'closed' else 'open' end as state,
        owner_employee_id, org_unit_id, unit_path, call_wanted, cast(attempts as integer) as attempts,
        -- What is to be done next: the next call or the next step; nothing of the kind, and the customer reached: closing it.
        case
            when not is_closed then coalesce(least(call_due_at, steps.due_at), case when is_reached then seen.close_due_at end)
        end as due_at,
        seen.close_due_at, first_attempt_at, reached_at,
        case when is_closed then closed_at end as closed_at,
        case when is_closed then close_reason end as close_reason,
        cast(cost as numeric(18, 2)) as cost,
        awaits_approval and not is_closed as awaits_approval
    from seen
    left join steps on seen.order_id = steps.order_id
"""
_THESE = "order_id = any(:order_ids)"
_DIFFERS = f"({', '.join(f'orders.{name}' for name in FOLLOWING)}) is distinct from ({', '.join(f'folded.{name}' for name in FOLLOWING)})"


@dataclass(frozen=True)
class Event:
    """One entry. Texts are people's words and are kept in `pii`; everything else is codes, ids, numbers and moments."""

    order_id: UUID
    event: str
    occurred_at: datetime
    actor: str
    command_id: UUID | None = None
    employee_id: str | None = None
    org_unit_id: str | None = None
    unit_path: str | None = None
    signal_id: UUID | None = None
    call_wanted: bool | None = None
    reached: bool | None = None
    reason: str | None = None
    action: str | None = None
    impact: str | None = None
    amount: Decimal | None = None
    due_at: datetime | None = None
    close_due_at: datetime | None = None
    about_event_id: int | None = None
    invitation_id: UUID | None = None
    details: Mapping[str, Any] | None = None


def append(connection: sa.Connection, events: Iterable[Event]) -> None:
    """Append events in their order; the caller renews what follows from them (`project`), in the same transaction."""
    rows = [{**vars(event), "details": dict(event.details or {})} for event in events]
    if rows:
        connection.execute(sa.insert(WORK_ORDER_EVENTS), rows)


def append_one(
    connection: sa.Connection, event: Event, *, learned: str | None = None, action_taken: str | None = None, note: str | None = None
) -> int:
    """Append one event with what people wrote about it; returns its id."""
    row = {**vars(event), "details": dict(event.details or {})}
    event_id: int = connection.execute(sa.insert(WORK_ORDER_EVENTS).values(row).returning(WORK_ORDER_EVENTS.c.event_id)).scalar_one()
    words = {"learned": _words(learned), "action_taken": _words(action_taken), "note": _words(note)}
    if any(words.values()):
        connection.execute(sa.insert(WORK_ORDER_TEXTS).values(event_id=event_id, **words))
    return event_id


def _words(text: str | None) -> str | None:
    return (text or "").strip() or None


def is_done(connection: sa.Connection, command_id: UUID) -> bool:
    """Whether what was asked for under this id has happened already."""
    return bool(
        connection.scalar(
            sa.text("select exists (select from ops.work_order_events where command_id = :command_id)"), {"command_id": command_id}
        )
    )


def project(connection: sa.Connection, order_ids: Sequence[UUID], *, now: datetime) -> None:
    """Renew what follows from the events of these orders, and let the CRM know; the caller holds the orders' rows."""
    _renew(connection, _THESE, {"order_ids": list(order_ids)})
    shown = sa.text(f"select order_id from ops.work_orders where {_THESE} and not {HELD_BACK}")
    outbox.put_tasks(connection, connection.scalars(shown, {"order_ids": list(order_ids)}).all(), now)


def rebuild(engine: sa.Engine) -> int:
    """Make what follows from the events anew, for every order; returns how many had to be changed, which is 0 unless a hand did it."""
    with engine.begin() as connection:
        connection.execute(sa.text("lock table ops.work_orders in share row exclusive mode"))
        return _renew(connection, "true", {})


def _renew(connection: sa.Connection, which: str, given: Mapping[str, Any]) -> int:
    statement = f"""
        update ops.work_orders as orders
        set {", ".join(f"{name} = folded.{name}" for name in FOLLOWING)}
        from ({_FOLDED.format(which=which)}) as folded
        where orders.order_id = folded.order_id and {_DIFFERS}
    """
    return connection.execute(sa.text(statement), dict(given)).rowcount


def contradictions(connection: sa.Connection) -> list[UUID]:
    """Orders that say something else than their events, or have none; always empty unless somebody wrote into the tables by hand."""
    query = f"""
        select orders.order_id
        from ops.work_orders as orders
        left join ({_FOLDED.format(which="true")}) as folded on orders.order_id = folded.order_id
        where {_DIFFERS}
        union
        select order_id from ops.work_order_events where order_id not in (select order_id from ops.work_orders)
        order by order_id
    """
    return list(connection.scalars(sa.text(query)))
