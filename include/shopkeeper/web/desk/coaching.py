"""Coaching on the desk: answers that wait to be talked about, writing a talk down, and what came of it."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import answers, coaching
from shopkeeper.closed_loop.answers import DISCUSS_WITHIN, as_uuid
from shopkeeper.errors import fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused

# A talk may go back further than it should.
CHOICE = 2 * DISCUSS_WITHIN


def routes(desk: Desk) -> list[Route]:
    return [
        desk.show("/desk/coaching", overview),
        desk.show("/desk/coaching/new", new),
        desk.act("/desk/coaching/new", record, shows=new),
        desk.show("/desk/coaching/{coaching_id}", talk),
        desk.act("/desk/coaching/{coaching_id}", add_result, shows=talk),
    ]


def overview(visit: Visit) -> Response:
    """What waits to be talked about: my own answers, and how many each of those has whose supervisor I am; then the talks."""
    reports = visit.connection.scalars(
        sa.text("select employee_id from ops.directory where manager_id = :me and is_here order by employee_id"),
        {"me": visit.me.employee_id},
    ).all()
    recent = answers.seen(visit.connection, now=visit.now, since=visit.now - DISCUSS_WITHIN, people=[visit.me.employee_id, *reports])
    waiting = [one for one in recent if not one.is_discussed]
    counts = Counter(one.employee_id for one in waiting)
    return visit.page(
        "coaching",
        mine=[one for one in waiting if one.employee_id == visit.me.employee_id],
        others=[(employee_id, counts[employee_id]) for employee_id in reports if counts[employee_id]],
        talks=coaching.visible(visit.connection),
    )


def new(visit: Visit) -> Response:
    """The form for a talk with oneself as the one who was coached, or with somebody below."""
    employee_id = _coached(visit)
    is_mine = employee_id == visit.me.employee_id
    theirs = answers.seen(visit.connection, now=visit.now, since=visit.now - CHOICE, people=[employee_id])
    if not is_mine and not visit.connection.scalar(sa.text("select ops.sees_unit(ops.unit_path_of(:id))"), {"id": employee_id}):
        raise Refused("not_found")
    chosen = set(visit.chosen("answer")) if visit.fields else {visit.request.query_params.get("answer", "")}
    return visit.page(
        "coaching_new",
        longest=fields.LONGEST,
        employee_id=employee_id,
        is_mine=is_mine,
        answers=theirs,
        chosen=chosen,
        coaches=_coaches(visit) if is_mine else [],
    )


def record(visit: Visit) -> Response:
    coaching_id, held_at, employee_id = fields.command_id(visit), fields.moment(visit, "held_at"), _coached(visit)
    if held_at is None:
        raise fail("coaching", "it is not said when it was held", "write day and time")
    if not all(as_uuid(key) for key in visit.chosen("answer")):
        raise Refused("bad_request")
    coaching.record(
        visit.connection,
        coaching_id,
        employee_id=employee_id,
        coach=visit.form.get("coach", "") if employee_id == visit.me.employee_id else visit.me.employee_id,
        answers=visit.chosen("answer"),
        will_try=fields.text(visit, "will_try") or "",
        held_at=held_at,
        now=visit.now,
    )
    return visit.to(f"coaching/{coaching_id}", "coaching_recorded")


def talk(visit: Visit) -> Response:
    found = _find(visit)
    return visit.page(
        "coaching_talk",
        longest=fields.LONGEST,
        talk=found,
        answers=answers.seen(visit.connection, now=visit.now, keys=found.answers) if found.answers else [],
    )


def add_result(visit: Visit) -> Response:
    found = _find(visit)
    coaching.add_result(visit.connection, found.coaching_id, result=fields.text(visit, "result") or "", now=visit.now)
    return visit.to(f"coaching/{found.coaching_id}", "result_recorded")


def _find(visit: Visit) -> coaching.Coaching:
    found = coaching.find(visit.connection, fields.key_of(visit, "coaching_id"))
    if found is None:
        raise Refused("not_found")
    return found


def _coached(visit: Visit) -> str:
    return visit.form.get("employee") or visit.request.query_params.get("employee") or visit.me.employee_id


def _coaches(visit: Visit) -> list[tuple[str, str | None]]:
    """Who may have coached me: colleagues of my unit, and those who lead above. Id and role."""
    found = visit.connection.execute(
        sa.text(
            """
            select employee_id, role from ops.directory
            where is_here and employee_id <> :me and (unit_path = :path or (leads and starts_with(:path, unit_path)))
            order by unit_path desc, leads desc, employee_id
            """
        ),
        {"me": visit.me.employee_id, "path": visit.me.unit_path},
    )
    return [(row.employee_id, row.role) for row in found]
