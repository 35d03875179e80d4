"""What is spent on making good, and a supervisor's word before much is. Used as `orders.spend`, `orders.ask_approval`, `orders.decide`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.commands import ACTIONS, CRM, begin, code, leads, money, must_be_open, refuse
from shopkeeper.closed_loop.events import Event, append, append_one, project
from shopkeeper.company.config import CompanyFolder


def spend(
    connection: sa.Connection,
    order_id: UUID,
    *,
    folder: CompanyFolder,
    command_id: UUID,
    actor: str,
    at: datetime,
    amount: Decimal,
    action: str,
) -> None:
    """Money went into a remedy. What exceeds cycle.approval_above must have been approved before; a cost may come to light late."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    event = Event(order_id, "spent", at, actor, command_id, action=code("action", action, ACTIONS), amount=money(amount))
    spend_on(connection, order, folder, event)
    project(connection, [order_id], now=at)


def needs_approval(connection: sa.Connection, order_id: UUID, *, folder: CompanyFolder, amount: Decimal) -> bool:
    """Whether a remedy of this amount needs a supervisor's word first.

    It does where it would take what was spent on the order without approval above cycle.approval_above, so that an offer cannot
    be cut into small ones, and no approved offer that is still unspent covers it.
    """
    exceeds, is_covered = _stand(connection, order_id, folder, amount)
    return exceeds and not is_covered


def spend_on(connection: sa.Connection, order: sa.Row[Any], folder: CompanyFolder, event: Event) -> None:
    """Append a `spent` event, if it may be. What the CRM says was spent has been spent, approved or not."""
    assert event.amount is not None
    exceeds, is_covered = _stand(connection, order.order_id, folder, event.amount)
    if exceeds and not is_covered and event.actor != CRM:
        hint = "ask for approval first; a supervisor decides on the desk"
        raise refuse(order.order_id, f"{event.amount} is more than may be spent without approval", hint)
    append(connection, [Event(**{**vars(event), "details": {"is_approved": is_covered}})])


def _stand(connection: sa.Connection, order_id: UUID, folder: CompanyFolder, amount: Decimal) -> tuple[bool, bool]:
    """Whether the amount exceeds what is free, and whether an approved offer then covers it."""
    limit = folder.closed_loop.cycle.approval_above
    free, approved = _spent(connection, order_id)
    exceeds = limit is not None and free + amount > limit
    return exceeds, exceeds and amount <= approved


def _spent(connection: sa.Connection, order_id: UUID) -> tuple[Decimal, Decimal]:
    """What was spent without approval, and what was approved and is not spent yet."""
    query = """
        select
            coalesce(sum(amount) filter (where event = 'spent' and not is_approved), 0),
            coalesce(sum(amount) filter (where event = 'approved'), 0)
            - coalesce(sum(amount) filter (where event = 'spent' and is_approved), 0)
        from (
            select event, amount, coalesce(cast(details ->> 'is_approved' as boolean), false) as is_approved
            from ops.work_order_events where order_id = :order_id
        ) as events
    """
    free: Decimal
    approved: Decimal
    free, approved = connection.execute(sa.text(query), {"order_id": order_id}).one().tuple()
    return free, approved


def ask_approval(
    connection: sa.Connection,
    order_id: UUID,
    *,
    command_id: UUID,
    actor: str,
    at: datetime,
    amount: Decimal,
    action: str,
    note: str | None = None,
) -> None:
    """Ask the supervisor for an offer to the customer. One at a time is to be decided."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    must_be_open(order)
    if order.awaits_approval:
        raise refuse(order_id, "an offer is to be decided already", "wait for the supervisor's word on it")
    event = Event(order_id, "approval_asked", at, actor, command_id, action=code("action", action, ACTIONS), amount=money(amount))
    append_one(connection, event, note=note)
    project(connection, [order_id], now=at)


def decide(
    connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, is_approved: bool, note: str | None = None
) -> None:
    """A supervisor's word on the offer that was asked for; nobody decides on what he or she asked for."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    must_be_open(order)
    if not order.awaits_approval:
        raise refuse(order_id, "no offer is to be decided", "it may have been decided by somebody else")
    query = """
        select event_id, actor, amount, action from ops.work_order_events
        where order_id = :order_id and event = 'approval_asked' order by event_id desc limit 1
    """
    asked = connection.execute(sa.text(query), {"order_id": order_id}).one()
    if not leads(connection, order, actor):
        raise refuse(order_id, f"{actor} may not decide on offers there", "ask the owner's supervisor")
    if actor == asked.actor:
        raise refuse(order_id, "nobody decides on an offer of his or her own", "ask your supervisor")
    event = Event(
        order_id,
        "approved" if is_approved else "refused",
        at,
        actor,
        command_id,
        action=asked.action,
        amount=asked.amount,
        about_event_id=asked.event_id,
    )
    append_one(connection, event, note=note)
    project(connection, [order_id], now=at)
