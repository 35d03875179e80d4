"""Opening work orders: one open order per customer, whatever was noticed, and by however many at once. Used as `orders.open_order`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.commands import SHOPKEEPER, lock_customers
from shopkeeper.closed_loop.events import HELD_BACK, Event, append, project
from shopkeeper.closed_loop.holdout import Arm
from shopkeeper.closed_loop.owners import Owner
from shopkeeper.closed_loop.signals import Signal
from shopkeeper.errors import fail
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.loop_tables import WORK_ORDERS


@dataclass(frozen=True)
class Opening:
    """A signal that calls for an order, and how that is to begin.

    `due_at` is when the first call is, `close_due_at` when the order is to be closed; in the arm `delayed` both count from the end
    of the delay, and until then the order has no owner and nobody learns of it.
    """

    signal: Signal
    owner: Owner | None
    call_wanted: bool
    due_at: datetime
    close_due_at: datetime
    arm: Arm | None = None


def order_id_of(signal_id: UUID) -> UUID:
    """The order that this signal opens, if it opens one."""
    return stable_id("work_order", str(signal_id))


def open_order(
    connection: sa.Connection,
    signal: Signal,
    *,
    owner: Owner | None,
    call_wanted: bool,
    due_at: datetime,
    close_due_at: datetime,
    arm: Arm | None,
    now: datetime,
) -> UUID:
    """The customer's order for this signal: a new one, or the one that is open, which the signal is added to.

    Was it the signal that opened it? Then the order is `order_id_of(signal.signal_id)`. The same signal again changes nothing.
    """
    return open_orders(connection, [Opening(signal, owner, call_wanted, due_at, close_due_at, arm)], now=now)[0]


def open_orders(connection: sa.Connection, openings: Sequence[Opening], *, now: datetime) -> list[UUID]:
    """The same for many, in their order, with a handful of statements; returns the order of each.

    An added signal that says whether the customer wants to be called says so for the order: one who declines is left to the new
    signal's owner. One from outside a comparison, such as a wish to be called, releases an order that was held back.
    """
    customers = {_customer(opening.signal) for opening in openings}
    lock_customers(connection, customers)
    commands = [stable_id("open", str(opening.signal.signal_id)) for opening in openings]
    done = _done(connection, commands)
    current = _open_ones(connection, customers)
    found, orders, events = [], [], []
    for opening, command_id in zip(openings, commands, strict=True):
        customer_id, order_id = _customer(opening.signal), done.get(command_id)
        if order_id is None and (there := current.get(customer_id)) is not None:
            order_id = there.order_id
            events += _added(there, opening, command_id, now)
        elif order_id is None:
            order_id = order_id_of(opening.signal.signal_id)
            orders.append(_row(order_id, opening, now))
            events.append(_opened(order_id, opening, command_id, now))
            current[customer_id] = _There(order_id, opening.call_wanted, opening.arm == "delayed", _name(opening.owner))
        done[command_id] = order_id
        found.append(order_id)
    if orders:
        connection.execute(sa.insert(WORK_ORDERS), orders)
    append(connection, events)
    project(connection, sorted({event.order_id for event in events}), now=now)
    return found


@dataclass
class _There:
    """A customer's open order."""

    order_id: UUID
    call_wanted: bool
    is_held_back: bool
    owner_employee_id: str | None


def _customer(signal: Signal) -> str:
    if signal.customer_id is None:
        raise fail(f"signal {signal.signal_id}", "is about no customer, and nobody can be called back", "tell the unit's leader instead")
    return signal.customer_id


def _done(connection: sa.Connection, commands: list[UUID]) -> dict[UUID, UUID]:
    query = "select command_id, order_id from ops.work_order_events where command_id = any(:commands)"
    return dict(connection.execute(sa.text(query), {"commands": commands}).tuples().all())


def _open_ones(connection: sa.Connection, customers: set[str]) -> dict[str, _There]:
    query = f"""
        select customer_id, order_id, call_wanted, {HELD_BACK} as is_held_back, owner_employee_id
        from ops.work_orders
        where state = 'open' and customer_id = any(:customers)
        order by order_id
        for update
    """
    rows = connection.execute(sa.text(query), {"customers": list(customers)})
    return {row.customer_id: _There(*row[1:]) for row in rows}


def _row(order_id: UUID, opening: Opening, now: datetime) -> dict[str, Any]:
    """What never changes, and the beginning of what follows from the events."""
    signal = opening.signal
    return {
        "order_id": order_id,
        "customer_id": signal.customer_id,
        "rule": signal.rule,
        "signal_id": signal.signal_id,
        "interaction_id": signal.interaction_id,
        "response_key": None if signal.response_key is None else str(signal.response_key),
        "about_employee_id": signal.employee_id,
        "opened_at": now,
        "first_attempt_due_at": opening.due_at,
        "close_due_at": opening.close_due_at,
        "arm": opening.arm,
        "state": "open",
        "call_wanted": opening.call_wanted,
    }


def _opened(order_id: UUID, opening: Opening, command_id: UUID, now: datetime) -> Event:
    is_held_back = opening.arm == "delayed"
    return Event(
        order_id,
        "opened",
        now,
        SHOPKEEPER,
        command_id,
        **({} if is_held_back else _to(opening.owner)),
        signal_id=opening.signal.signal_id,
        call_wanted=opening.call_wanted,
        due_at=None if is_held_back else opening.due_at,
        close_due_at=opening.close_due_at,
        details={"owner_employee_id": _name(opening.owner)} if is_held_back else {},
    )


def _added(there: _There, opening: Opening, command_id: UUID, now: datetime) -> list[Event]:
    signal, order_id = opening.signal, there.order_id
    events = [Event(order_id, "signal_added", now, SHOPKEEPER, command_id, signal_id=signal.signal_id, call_wanted=signal.may_call_back)]
    declines = there.call_wanted and signal.may_call_back is False
    if there.is_held_back and opening.arm is None:
        due: dict[str, Any] = {"due_at": opening.due_at, "close_due_at": opening.close_due_at}
        events.append(Event(order_id, "assigned", now, SHOPKEEPER, reason="released", **_to(opening.owner), **due))
        there.is_held_back, there.owner_employee_id = False, _name(opening.owner)
    elif declines and not there.is_held_back and opening.owner and opening.owner.employee_id != there.owner_employee_id:
        events.append(Event(order_id, "assigned", now, SHOPKEEPER, reason="no_call_wanted", **_to(opening.owner)))
        there.owner_employee_id = opening.owner.employee_id
    if signal.may_call_back is not None:
        there.call_wanted = signal.may_call_back
    return events


def _to(owner: Owner | None) -> dict[str, Any]:
    return {} if owner is None else vars(owner)


def _name(owner: Owner | None) -> str | None:
    return owner.employee_id if owner else None
