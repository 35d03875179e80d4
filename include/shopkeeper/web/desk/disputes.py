"""Disputes on the desk: "that was not my customer", a leader's decision, and all that was ever said and decided of an answer."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import answers, disputes
from shopkeeper.closed_loop.answers import Answer
from shopkeeper.closed_loop.disputes import Dispute
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused


def routes(desk: Desk) -> list[Route]:
    return [
        desk.show("/desk/disputes", overview),
        desk.show("/desk/disputes/new", new),
        desk.act("/desk/disputes/new", dispute, shows=new),
        desk.show("/desk/disputes/{dispute_id}", case),
        desk.act("/desk/disputes/{dispute_id}", decide, shows=case),
    ]


def overview(visit: Visit) -> Response:
    found = disputes.visible(visit.connection)
    return visit.page(
        "disputes",
        to_decide=[one for one in found if one.may_decide and one.last is None],
        others=[one for one in found if not one.may_decide or one.last is not None],
    )


def new(visit: Visit) -> Response:
    return visit.page("dispute_new", answer=_mine(visit), reasons=disputes.REASONS)


def dispute(visit: Visit) -> Response:
    dispute_id = disputes.dispute(
        visit.connection,
        _mine(visit).response_key,
        employee_id=visit.me.employee_id,
        reason=visit.form.get("reason", ""),
        now=visit.now,
    )
    return visit.to(f"disputes/{dispute_id}", "disputed")


def case(visit: Visit) -> Response:
    found = _find(visit)
    known = answers.seen(visit.connection, now=visit.now, keys=[found.response_key])
    people = visit.connection.execute(
        sa.text(
            """
            select employee_id, role from ops.directory
            where is_here and employee_id <> :disputed_by and ops.sees_unit(unit_path) order by employee_id limit 500
            """
        ),
        {"disputed_by": found.employee_id},
    )
    return visit.page("dispute", dispute=found, answer=known[0] if known else None, people=[(row.employee_id, row.role) for row in people])


def decide(visit: Visit) -> Response:
    found = _find(visit)
    if not found.may_decide:
        raise Refused("not_allowed")
    disputes.decide(
        visit.connection,
        found.dispute_id,
        command_id=fields.command_id(visit),
        verdict=visit.form.get("verdict", ""),
        to_employee_id=visit.form.get("to", "").strip() or None,
        actor=visit.me.employee_id,
        now=visit.now,
    )
    return visit.to(f"disputes/{found.dispute_id}", "decided")


def _find(visit: Visit) -> Dispute:
    found = disputes.visible(visit.connection, dispute_id=fields.key_of(visit, "dispute_id"))
    if not found:
        raise Refused("not_found")
    return found[0]


def _mine(visit: Visit) -> Answer:
    """The answer that is to be disputed: one's own, and nobody else's."""
    key = visit.form.get("answer") or visit.request.query_params.get("answer", "")
    found = [one for one in answers.seen(visit.connection, now=visit.now, keys=[key]) if one.employee_id == visit.me.employee_id]
    if not found:
        raise Refused("not_found")
    return found[0]
