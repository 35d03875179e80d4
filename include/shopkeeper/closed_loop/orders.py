"""Work orders: what people and the closed loop do with them. The only writer of orders, their events and their texts.

Every function works inside the caller's transaction, on one order whose row it locks. `command_id` names what is asked for: asked
again under the same id, nothing more happens. `actor` is an employee's id, `shopkeeper` or `crm`. All raise ShopkeeperError for an
unknown order and for what the order's state or the actor's place does not allow. Moments are aware; money is in the company's currency.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.commands import (
    ACTIONS,
    ASSIGN_REASONS,
    CLOSE_REASONS,
    CRM,
    IMPACTS,
    REOPEN_REASONS,
    SHOPKEEPER,
    CloseReason,
    begin,
    code,
    later,
    leads,
    lock_customers,
    money,
    must_be_open,
    refuse,
)
from shopkeeper.closed_loop.events import Event, append, append_one, project
from shopkeeper.closed_loop.opening import Opening, open_order, open_orders
from shopkeeper.closed_loop.remedies import ask_approval, decide, needs_approval, spend, spend_on
from shopkeeper.company.config import CompanyFolder
from shopkeeper.warehouse.ids import stable_id

__all__ = [
    "ACTIONS",
    "ASSIGN_REASONS",
    "CLOSE_REASONS",
    "CRM",
    "IMPACTS",
    "REOPEN_REASONS",
    "SHOPKEEPER",
    "CloseReason",
    "Opening",
    "ask_approval",
    "assign",
    "attempt",
    "close",
    "correct_answer",
    "decide",
    "finish_follow_up",
    "needs_approval",
    "note",
    "open_order",
    "open_orders",
    "plan_follow_up",
    "reopen",
    "spend",
]


def attempt(
    connection: sa.Connection,
    order_id: UUID,
    *,
    folder: CompanyFolder,
    command_id: UUID,
    actor: str,
    at: datetime,
    reached: bool,
    learned: str | None = None,
    action: str | None = None,
    action_taken: str | None = None,
    impact: str | None = None,
    amount: Decimal | None = None,
    follow_up_at: datetime | None = None,
    closes: bool = False,
) -> None:
    """A call was made at `at`. Not reached: the next is due a day later, or at `follow_up_at`; after the last, none is.

    Reached: `follow_up_at` plans a step, `closes` closes the order as resolved. `amount` is what was spent on `action`. A call that
    the CRM reports after the order was closed is written down, and the order stays closed.
    """
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    if actor != CRM:
        must_be_open(order)
        if not order.call_wanted:
            raise refuse(order_id, "the customer does not want to be called", "close it as no_call_wanted, or write a note")
    if closes and not reached:
        raise refuse(order_id, "is not resolved by a call that reached nobody", "close it with another reason")
    due_at = None
    if not reached and order.state == "open":
        cycle = folder.closed_loop.cycle
        is_last = order.attempts + 1 >= cycle.attempts
        due_at = follow_up_at or (None if is_last else later(folder, at, cycle.again_after_hours))
    append_one(
        connection,
        Event(
            order_id,
            "attempted",
            at,
            actor,
            command_id,
            reached=reached,
            action=code("action", action, ACTIONS),
            impact=code("impact", impact, IMPACTS),
            due_at=due_at,
        ),
        learned=learned,
        action_taken=action_taken,
    )
    if amount is not None:
        spend_on(connection, order, folder, Event(order_id, "spent", at, actor, action=action, amount=money(amount)))
    if reached and follow_up_at is not None and not closes:
        append(connection, [Event(order_id, "follow_up_planned", at, actor, due_at=follow_up_at)])
    if closes and order.state == "open":
        append(connection, [Event(order_id, "closed", at, actor, reason="resolved")])
    project(connection, [order_id], now=at)


def assign(connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, to: str, reason: str) -> None:
    """Give an open order to another employee (`to`), who must be here; `reason` is one of ASSIGN_REASONS."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    must_be_open(order)
    reason = code("reason", reason, ASSIGN_REASONS) or "other"
    if to == order.owner_employee_id:
        raise refuse(order_id, f"belongs to {to} already", "choose somebody else")
    place = connection.execute(
        sa.text("select org_unit_id, unit_path from ops.directory where employee_id = :to and is_here"), {"to": to}
    ).one_or_none()
    if place is None:
        raise refuse(order_id, f"cannot be given to {to}: there is no such employee, or no more", "see ops.directory")
    event = Event(order_id, "assigned", at, actor, command_id, employee_id=to, org_unit_id=place[0], unit_path=place[1], reason=reason)
    append(connection, [event])
    project(connection, [order_id], now=at)


def close(
    connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, reason: CloseReason, note: str | None = None
) -> None:
    """Close an open order.

    `resolved` needs a customer who was reached, or did not want to be; `no_call_wanted` one who did not want to be; `not_pursued` is
    a supervisor's decision and needs a note saying why; `not_reached` and `merged` are for the closed loop and the CRM.
    """
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    must_be_open(order)
    code("reason", reason, CLOSE_REASONS)
    if reason == "resolved" and order.reached_at is None and order.call_wanted:
        raise refuse(order_id, "is not resolved: the customer was never reached", "record the call that reached the customer")
    if reason == "no_call_wanted" and order.call_wanted:
        raise refuse(order_id, "is about a customer who did not decline a call", "a supervisor may close it as not_pursued, with a note")
    if reason == "not_pursued":
        if not leads(connection, order, actor):
            raise refuse(order_id, f"{actor} may not decide that it is not pursued", "ask the owner's supervisor")
        if not (note or "").strip():
            raise refuse(order_id, "is not left unpursued without a reason", "write a note that says why")
    if reason in ("not_reached", "merged") and actor not in (SHOPKEEPER, CRM):
        hint = "it is closed so by itself after the last call; a supervisor may close it as not_pursued, with a note"
        raise refuse(order_id, f"is not closed as {reason} by hand", hint)
    append_one(connection, Event(order_id, "closed", at, actor, command_id, reason=reason), note=note)
    project(connection, [order_id], now=at)


def reopen(
    connection: sa.Connection, order_id: UUID, *, folder: CompanyFolder, command_id: UUID, actor: str, at: datetime, reason: str
) -> None:
    """Open a closed order again, with a new time for the next call and for closing; `reason` is one of REOPEN_REASONS.

    Nothing that happened before is erased. Fails while the customer has another open order.
    """
    customer_id = connection.scalar(sa.text("select customer_id from ops.work_orders where order_id = :order_id"), {"order_id": order_id})
    lock_customers(connection, [customer_id or ""])
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    if order.state == "open":
        raise refuse(order_id, "is open", "nothing needs to be done")
    other = connection.scalar(
        sa.text("select order_id from ops.work_orders where customer_id = :customer_id and state = 'open'"), {"customer_id": customer_id}
    )
    if other is not None:
        raise refuse(order_id, f"cannot be reopened: the customer has the open order {other}", "go on there")
    cycle = folder.closed_loop.cycle
    event = Event(
        order_id,
        "reopened",
        at,
        actor,
        command_id,
        reason=code("reason", reason, REOPEN_REASONS),
        due_at=later(folder, at, cycle.first_attempt_hours),
        close_due_at=later(folder, at, 24 * cycle.close_within_days),
    )
    append(connection, [event])
    project(connection, [order_id], now=at)


def note(connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, text: str) -> None:
    """Write something down about an order, open or closed."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    if not text.strip():
        raise refuse(order_id, "an empty note says nothing", "write what is to be known")
    append_one(connection, Event(order_id, "noted", at, actor, command_id), note=text)


# --- follow-up steps --------------------------------------------------------------------------------------------------


def plan_follow_up(
    connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, due_at: datetime, text: str
) -> None:
    """Something else is to be done by `due_at`; `text` says what."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    must_be_open(order)
    append_one(connection, Event(order_id, "follow_up_planned", at, actor, command_id, due_at=due_at), note=text)
    project(connection, [order_id], now=at)


def finish_follow_up(
    connection: sa.Connection, order_id: UUID, *, command_id: UUID, actor: str, at: datetime, follow_up: int, text: str | None = None
) -> None:
    """The step that was planned by the event `follow_up` is done."""
    order = begin(connection, order_id, command_id)
    if order is None:
        return
    is_open = """
        select exists (
            select from ops.work_order_events where order_id = :order_id and event = 'follow_up_planned' and event_id = :follow_up
        ) and not exists (
            select from ops.work_order_events where order_id = :order_id and event = 'follow_up_done' and about_event_id = :follow_up
        )
    """
    if not connection.scalar(sa.text(is_open), {"order_id": order_id, "follow_up": follow_up}):
        raise refuse(order_id, f"has no open step {follow_up}", "it may have been done by somebody else")
    append_one(connection, Event(order_id, "follow_up_done", at, actor, command_id, about_event_id=follow_up), note=text)
    project(connection, [order_id], now=at)


def correct_answer(
    connection: sa.Connection, order_id: UUID, *, score_before: int | None, score: int | None, at: datetime, signal_id: UUID | None = None
) -> None:
    """The customer, or the source, corrected the answer. The order notes it and stays: somebody was unhappy, and is to be heard.

    `signal_id` is the signal that the answer led to: an order may be about several answers.
    """
    command_id = stable_id("answer_corrected", str(order_id), str(signal_id), str(score_before), str(score), at.isoformat())
    if begin(connection, order_id, command_id) is None:
        return
    details = {"score_before": score_before, "score": score}
    append(connection, [Event(order_id, "answer_corrected", at, SHOPKEEPER, command_id, signal_id=signal_id, details=details)])
