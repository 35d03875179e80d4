"""What is done with a work order at the desk. Each form carries the id of its command, so that sent twice it is done once.

All of it goes through closed_loop/orders.py, on the desk's own connection: row-level security holds here as on every page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from starlette.responses import Response

from shopkeeper.closed_loop import orders as work
from shopkeeper.closed_loop.commands import CloseReason
from shopkeeper.errors import fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Visit
from shopkeeper.web.pages import Refused


def attempt(visit: Visit) -> Response:
    reached = visit.form.get("reached")
    if reached not in ("yes", "no"):
        raise fail("attempt", "it is not said whether the customer was reached", "choose one of the two")
    told: dict[str, Any] = {"follow_up_at": fields.moment(visit, "again_at")}
    if reached == "yes":
        told = {
            "learned": fields.text(visit, "learned"),
            "action": visit.form.get("action") or None,
            "action_taken": fields.text(visit, "action_taken"),
            "impact": visit.form.get("impact") or None,
            "amount": fields.amount(visit),
            "follow_up_at": fields.moment(visit, "follow_up_at"),
            "closes": visit.form.get("closes") == "yes",
        }
    work.attempt(visit.connection, _order(visit), folder=visit.folder, reached=reached == "yes", **told, **_by(visit))
    return _back(visit, "attempt")


def note(visit: Visit) -> Response:
    work.note(visit.connection, _order(visit), text=fields.text(visit, "note") or "", **_by(visit))
    return _back(visit, "note")


def step(visit: Visit) -> Response:
    due_at, what = fields.moment(visit, "due_at"), fields.text(visit, "note")
    if due_at is None or what is None:
        raise fail("step", "it is not said what is to be done by when", "fill in both")
    work.plan_follow_up(visit.connection, _order(visit), due_at=due_at, text=what, **_by(visit))
    return _back(visit, "step")


def step_done(visit: Visit) -> Response:
    which = visit.form.get("step", "")
    if not which.isascii() or not which.isdigit() or len(which) > 18:
        raise Refused("bad_request")
    work.finish_follow_up(visit.connection, _order(visit), follow_up=int(which), text=fields.text(visit, "note"), **_by(visit))
    return _back(visit, "step_done")


def spend(visit: Visit) -> Response:
    amount, action = _offer(visit)
    work.spend(visit.connection, _order(visit), folder=visit.folder, amount=amount, action=action, **_by(visit))
    return _back(visit, "spend")


def ask(visit: Visit) -> Response:
    amount, action = _offer(visit)
    work.ask_approval(visit.connection, _order(visit), amount=amount, action=action, note=fields.text(visit, "note"), **_by(visit))
    return _back(visit, "ask")


def decide(visit: Visit) -> Response:
    said = visit.form.get("decision")
    if said not in ("approve", "refuse"):
        raise Refused("bad_request")
    work.decide(visit.connection, _order(visit), is_approved=said == "approve", note=fields.text(visit, "note"), **_by(visit))
    return _back(visit, "approved" if said == "approve" else "refused")


def assign(visit: Visit) -> Response:
    to = visit.form.get("to", "").strip()
    if not to:
        raise fail("assign", "nobody was chosen", "choose who is to have it")
    order_id = _order(visit)
    work.assign(visit.connection, order_id, to=to, reason=visit.form.get("reason") or "other", **_by(visit))
    return _back(visit, "assign")


def close(visit: Visit) -> Response:
    reason = visit.form.get("reason", "")
    if reason not in ("resolved", "no_call_wanted", "not_pursued"):
        raise fail("close", "no reason was chosen", "choose one")
    work.close(visit.connection, _order(visit), reason=cast(CloseReason, reason), note=fields.text(visit, "note"), **_by(visit))
    return _back(visit, "close")


def reopen(visit: Visit) -> Response:
    reason = visit.form.get("reason") or "other"
    work.reopen(visit.connection, _order(visit), folder=visit.folder, reason=reason, **_by(visit))
    return _back(visit, "reopen")


ACTS: dict[str, Callable[[Visit], Response]] = {
    "attempt": attempt,
    "note": note,
    "step": step,
    "step-done": step_done,
    "spend": spend,
    "ask": ask,
    "decide": decide,
    "assign": assign,
    "close": close,
    "reopen": reopen,
}
LEADERS = ("decide", "assign")


def _order(visit: Visit) -> UUID:
    """The order of the address, if the reader may see it."""
    order_id = fields.key_of(visit, "order_id")
    if not visit.connection.scalar(sa.text("select exists (select from ops.work_orders where order_id = :id)"), {"id": order_id}):
        raise Refused("not_found")
    return order_id


def _by(visit: Visit) -> dict[str, Any]:
    return {"command_id": fields.command_id(visit), "actor": visit.me.employee_id, "at": visit.now}


def _offer(visit: Visit) -> tuple[Any, str]:
    amount, action = fields.amount(visit), visit.form.get("action")
    if amount is None or not action:
        raise fail("offer", "it is not said what it is and what it costs", "fill in both")
    return amount, action


def _back(visit: Visit, done: str) -> Response:
    return visit.to(f"orders/{visit.request.path_params['order_id']}", done)
