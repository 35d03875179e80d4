"""Huddles on the desk: this week's agenda, what was talked about, issues and who sees to them, and the way to the backlog."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import answers, huddles
from shopkeeper.closed_loop.answers import as_uuid
from shopkeeper.closed_loop.huddles import Unit
from shopkeeper.errors import fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused


def routes(desk: Desk) -> list[Route]:
    return [
        desk.show("/desk/huddles", overview),
        desk.show("/desk/huddles/{unit}/{week}", huddle),
        desk.act("/desk/huddles/{unit}/{week}", act, shows=huddle),
    ]


def overview(visit: Visit) -> Response:
    week = answers.week_of(visit.now, visit.folder.company.zone)
    return visit.page("huddles", week=week, units=huddles.units(visit.connection), held=huddles.held(visit.connection))


def huddle(visit: Visit) -> Response:
    unit, week = _which(visit)
    agenda = huddles.agenda(visit.connection, unit, week, zone=visit.folder.company.zone, now=visit.now)
    people = visit.connection.execute(
        sa.text("select employee_id, role from ops.directory where is_here and unit_path = :path order by leads desc, employee_id"),
        {"path": unit.unit_path},
    )
    return visit.page(
        "huddle",
        huddle=agenda,
        may_hold=_may_hold(visit, unit),
        ticked=set(visit.chosen("answer")) if visit.form.get("do") == "hold" else {one.response_key for one in agenda.answers},
        people=[(row.employee_id, row.role) for row in people],
        longest=fields.LONGEST,
    )


def act(visit: Visit) -> Response:
    """What a form of the page asks for, by its field `do`."""
    unit, week = _which(visit)
    done = {"hold": _hold, "raise": _raise, "finish": _finish, "backlog": _backlog}.get(visit.form.get("do", ""))
    if done is None:
        raise Refused("bad_request")
    return visit.to(f"huddles/{quote(unit.org_unit_id, safe='')}/{week.isoformat()}", done(visit, unit, week))


def _hold(visit: Visit, unit: Unit, week: date) -> str:
    if not _may_hold(visit, unit):
        raise Refused("not_allowed")
    held_at = fields.moment(visit, "held_at")
    if held_at is None:
        raise fail("huddle", "it is not said when it was held", "write day and time")
    if not all(as_uuid(key) for key in visit.chosen("answer")):
        raise Refused("bad_request")
    huddles.hold(
        visit.connection,
        unit,
        week,
        led_by=visit.form.get("led_by", ""),
        discussed=visit.chosen("answer"),
        held_at=held_at,
        now=visit.now,
    )
    return "huddle_held"


def _raise(visit: Visit, unit: Unit, week: date) -> str:
    huddles.raise_issue(
        visit.connection,
        unit,
        week,
        fields.command_id(visit),
        issue=fields.text(visit, "issue") or "",
        owner=visit.form.get("owner") or None,
        actor=visit.me.employee_id,
        now=visit.now,
    )
    return "issue_raised"


def _finish(visit: Visit, unit: Unit, week: date) -> str:
    huddles.finish_issue(visit.connection, _issue(visit, unit), actor=visit.me.employee_id, now=visit.now)
    return "issue_done"


def _backlog(visit: Visit, unit: Unit, week: date) -> str:
    huddles.send_to_backlog(visit.connection, unit, _issue(visit, unit), actor=visit.me.employee_id, now=visit.now)
    return "sent_to_backlog"


def _issue(visit: Visit, unit: Unit) -> UUID:
    """An issue of this unit's: one of another unit is none that the reader could name here."""
    issue_id = as_uuid(visit.form.get("issue_id", ""))
    query = "select exists (select from ops.huddle_issues join ops.huddles using (huddle_id) where issue_id = :id and org_unit_id = :unit)"
    known = visit.connection.scalar(sa.text(query), {"id": issue_id, "unit": unit.org_unit_id})
    if issue_id is None or not known:
        raise Refused("not_found")
    return issue_id


def _which(visit: Visit) -> tuple[Unit, date]:
    """Unit and week of the address; a week is named by its Monday, and begins no later than today."""
    unit = next((one for one in huddles.units(visit.connection) if one.org_unit_id == visit.request.path_params["unit"]), None)
    try:
        week = date.fromisoformat(visit.request.path_params["week"])
    except ValueError:
        raise Refused("not_found") from None
    if unit is None or week.weekday() != 0 or week > answers.week_of(visit.now, visit.folder.company.zone):
        raise Refused("not_found")
    return unit, week


def _may_hold(visit: Visit, unit: Unit) -> bool:
    return visit.me.leads and unit.unit_path.startswith(visit.me.unit_path or "/")
