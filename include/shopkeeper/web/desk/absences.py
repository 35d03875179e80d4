"""Who is away, and when: one is given no work meanwhile. What such a one has open can be handed on in one go."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import orders as work
from shopkeeper.errors import fail
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.web.desk import fields, queries
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused


def routes(desk: Desk) -> list[Route]:
    return [
        desk.show("/desk/absences", absences),
        desk.act("/desk/absences", record, shows=absences),
        desk.act("/desk/absences/withdraw", withdraw, shows=absences),
        desk.act("/desk/absences/hand-over", hand_over, shows=absences, leaders=True),
    ]


def absences(visit: Visit) -> Response:
    """A leader's own people, everybody else oneself."""
    today = _today(visit)
    people = queries.people(visit.connection, today)
    return visit.page(
        "absences",
        absences=queries.absences(visit.connection, today),
        people=people,
        waiting=[one for one in people if one["is_absent"] and one["open_orders"]] if visit.me.leads else [],
        today=today,
    )


def record(visit: Visit) -> Response:
    employee_id = visit.form.get("employee") or visit.me.employee_id
    from_on, to_on = fields.day(visit, "from_on"), fields.day(visit, "to_on")
    if from_on > to_on:
        raise fail("absence", "it ends before it begins", "write the first day and the last")
    if employee_id not in {one["employee_id"] for one in queries.people(visit.connection, _today(visit))}:
        raise Refused("not_allowed")
    given = {"employee": employee_id, "from_on": from_on, "to_on": to_on, "me": visit.me.employee_id, "now": visit.now}
    visit.connection.execute(
        sa.text(
            """
            insert into ops.absences (employee_id, from_on, to_on, recorded_by, recorded_at)
            select :employee, :from_on, :to_on, :me, :now
            where not exists (
                select from ops.absences
                where employee_id = :employee and from_on = :from_on and to_on = :to_on and withdrawn_at is null
            )
            """
        ).bindparams(sa.bindparam("from_on", type_=sa.Date), sa.bindparam("to_on", type_=sa.Date)),
        given,
    )
    return visit.to("absences", "absence")


def withdraw(visit: Visit) -> Response:
    which = visit.form.get("absence", "")
    if not which.isascii() or not which.isdigit() or len(which) > 18:
        raise Refused("bad_request")
    changed = visit.connection.execute(
        sa.text("update ops.absences set withdrawn_by = :me, withdrawn_at = :now where absence_id = :id and withdrawn_at is null"),
        {"id": int(which), "me": visit.me.employee_id, "now": visit.now},
    ).rowcount
    if not changed:
        raise Refused("not_found")
    return visit.to("absences", "absence_withdrawn")


def hand_over(visit: Visit) -> Response:
    """All open orders of one employee to another."""
    absent, to, command_id = visit.form.get("employee", ""), visit.form.get("to", ""), fields.command_id(visit)
    if not absent or not to or absent == to:
        raise fail("orders", "nobody was chosen", "choose who is to have them")
    query = "select order_id from ops.work_orders where state = 'open' and owner_employee_id = :absent order by order_id"
    for order_id in visit.connection.scalars(sa.text(query), {"absent": absent}).all():
        command = stable_id("hand over", str(command_id), str(order_id))
        work.assign(visit.connection, order_id, command_id=command, actor=visit.me.employee_id, at=visit.now, to=to, reason="absent")
    return visit.to("absences", "handed_over")


def _today(visit: Visit) -> date:
    return visit.now.astimezone(visit.folder.company.zone).date()
