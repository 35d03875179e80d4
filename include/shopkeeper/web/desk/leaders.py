"""The leaders' page: changes of goals and rules that wait, those that were made, and a word on each by somebody who did not propose it.

What is approved is not written here: `./shopkeeper change apply` does that, as whoever owns the company folder.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import changes
from shopkeeper.closed_loop.changes import Change
from shopkeeper.errors import ShopkeeperError
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused


def routes(desk: Desk) -> list[Route]:
    at = "/desk/leaders/changes/{change_id}"
    return [
        desk.show("/desk/leaders", overview, decides=True),
        desk.show("/desk/leaders/changes", all_changes, decides=True),
        desk.show(at, change, decides=True),
        desk.act(at, decide, shows=change, decides=True),
    ]


def overview(visit: Visit) -> Response:
    found = [one for one in changes.visible(visit.connection) if one.is_open]
    me = visit.me.employee_id
    return visit.page(
        "leaders",
        to_decide=[one for one in found if one.state == "proposed" and one.proposed_by != me],
        mine=[one for one in found if one.state == "proposed" and one.proposed_by == me],
        to_write=[one for one in found if one.state != "proposed"],
    )


def all_changes(visit: Visit) -> Response:
    return visit.page("leaders_changes", changes=changes.visible(visit.connection, limit=200))


def change(visit: Visit) -> Response:
    found = _find(visit)
    return visit.page(
        "leaders_change",
        change=found,
        lines=[(_sort(line), line) for line in found.diff.splitlines()[2:]],
        is_mine=found.proposed_by == visit.me.employee_id,
        longest=changes.LONGEST_NOTE,
    )


def _sort(line: str) -> str:
    return {"+": "added", "-": "taken", "@": "place"}.get(line[:1], "same")


def decide(visit: Visit) -> Response:
    found, asked = _find(visit), visit.form.get("do", "")
    given = {"note": fields.text(visit, "note"), "command_id": fields.command_id(visit), "actor": visit.me.employee_id, "now": visit.now}
    if asked == "withdraw":
        changes.withdraw(visit.connection, found.change_id, **given)  # type: ignore[arg-type]
    elif asked in ("approve", "refuse"):
        changes.decide(visit.connection, visit.folder.folder, found.change_id, is_approved=asked == "approve", **given)  # type: ignore[arg-type]
    else:
        raise Refused("bad_request")
    return visit.to(
        f"leaders/changes/{found.change_id}", {"approve": "change_approved", "refuse": "change_refused"}.get(asked, "change_back")
    )


def _find(visit: Visit) -> Change:
    try:
        return changes.find(visit.connection, fields.key_of(visit, "change_id"))
    except ShopkeeperError:
        raise Refused("not_found") from None
