"""Goals as forms, beside how far they are met. A form proposes a change of goals.csv; nothing is written here."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import changes
from shopkeeper.closed_loop.change_drafts import content_of, hash_of
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.edits import Edit
from shopkeeper.company.goals import COLUMNS, DIMENSIONS, GOALS_FILE, Goal
from shopkeeper.company.load import load_for_leaders
from shopkeeper.company.row_edits import edited_rows
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.desk.model_form import Field, fields_of, steps_of, typed
from shopkeeper.web.pages import Refused

_ATTAINED = """
    select goal_id, responses, nps, nps_low, nps_high, probability_met, status, children_imply, is_consistent
    from marts.goal_attainment
"""


def routes(desk: Desk) -> list[Route]:
    at = "/desk/leaders/goals/{goal_id}"
    return [
        desk.show("/desk/leaders/goals", overview, decides=True),
        desk.show("/desk/leaders/goals/new", add, decides=True),
        desk.act("/desk/leaders/goals/new", propose_new, shows=add, decides=True),
        desk.show(at, edit, decides=True),
        desk.act(at, propose, shows=edit, decides=True),
    ]


def overview(visit: Visit) -> Response:
    goals = _now(visit).goals
    return visit.page("leaders_goals", goals=_in_line(goals), attained=_attained(visit))


def _in_line(goals: tuple[Goal, ...]) -> list[tuple[int, Goal]]:
    """Each goal under the one that it is a part of, with how deep it stands; otherwise in the order of the file."""
    found: list[tuple[int, Goal]] = []

    def add_parts_of(parent: str | None, depth: int) -> None:
        for goal in goals:
            if goal.parent_goal_id == parent:
                found.append((depth, goal))
                add_parts_of(goal.goal_id, depth + 1)

    add_parts_of(None, 0)
    return found


def _attained(visit: Visit) -> dict[str, Mapping[str, Any]]:
    """goal_id → what the last publication says of it; nothing before the first."""
    if not visit.connection.scalar(sa.text("select to_regclass('marts.goal_attainment') is not null")):
        return {}
    return {row["goal_id"]: dict(row) for row in visit.connection.execute(sa.text(_ATTAINED)).mappings()}


def edit(visit: Visit) -> Response:
    return _form(visit, _goal(visit))


def add(visit: Visit) -> Response:
    return _form(visit, None)


def propose(visit: Visit) -> Response:
    goal = _goal(visit)
    if visit.form.get("do") == "remove":
        return _propose(visit, Edit((goal.goal_id,), remove=True))
    return _propose(visit, Edit((goal.goal_id,), _row(visit, _fields(_now(visit), goal))))


def propose_new(visit: Visit) -> Response:
    goal_id, folder = visit.form.get("goal_id", "").strip(), _now(visit)
    if not goal_id or goal_id == "new":
        raise fail(f"{GOALS_FILE} › goal_id", "it has no name", "write one, such as north-2026-q3")
    if goal_id in {goal.goal_id for goal in folder.goals}:
        raise fail(f"{GOALS_FILE} › goal_id", "there is one of this name", "choose another name, or change that one")
    return _propose(visit, Edit((goal_id,), _row(visit, _fields(folder, None))))


def _row(visit: Visit, of: list[Field]) -> dict[str, str]:
    """A row's cells; numbers with a comma get a point."""
    said = {name: " ".join(values) for name, values in typed(visit, of).items()}
    return said | {"target": said["target"].replace(",", ".")}


def _propose(visit: Visit, change: Edit) -> Response:
    change_id = changes.propose(
        visit.connection,
        visit.folder.folder,
        GOALS_FILE,
        [change],
        seen=visit.form.get("seen", ""),
        note=fields.text(visit, "note"),
        command_id=fields.command_id(visit),
        actor=visit.me.employee_id,
        now=visit.now,
    )
    return visit.to(f"leaders/changes/{change_id}", "change_proposed")


# --- what there is ----------------------------------------------------------------------------------------------------


def _now(visit: Visit) -> CompanyFolder:
    """The folder as it stands there now, whatever the desk was started with."""
    return load_for_leaders(visit.folder.folder)


def _goal(visit: Visit) -> Goal:
    found = next((goal for goal in _now(visit).goals if goal.goal_id == visit.request.path_params["goal_id"]), None)
    if found is None:
        raise Refused("not_found")
    return found


def _fields(folder: CompanyFolder, goal: Goal | None) -> list[Field]:
    asking = [name for name, programme in folder.programmes.programmes.items() if programme.kind != "employee"]
    asking += sorted({one.programme for one in folder.goals} - set(asking))
    options = {
        "parent_goal_id": [one.goal_id for one in folder.goals if goal is None or one.goal_id != goal.goal_id],
        "metric": [scale.metric for scale in folder.company.scales.values()],
        "dimension": list(DIMENSIONS),
        "second_dimension": list(DIMENSIONS)[1:],
    }
    # Where no programme is declared, answers say themselves what they are of.
    return fields_of(Goal, goal, without=("goal_id",), options={**options, **({"programme": asking} if asking else {})})


def _form(visit: Visit, goal: Goal | None) -> Response:
    folder = _now(visit)
    asked = _fields(folder, goal)
    said = typed(visit, asked) if visit.problem else {}
    errors = _beside(visit, goal, asked) if visit.problem else {}
    return visit.page(
        "leaders_goal",
        goal=goal,
        attained=_attained(visit).get(goal.goal_id) if goal else None,
        fields=[(one, said.get(one.name, one.shown), errors.get(one.name)) for one in asked],
        name_error=errors.get("goal_id"),
        seen=visit.form.get("seen") or hash_of(content_of(visit.folder.folder, GOALS_FILE)),
        longest=changes.LONGEST_NOTE,
    )


def _beside(visit: Visit, goal: Goal | None, asked: list[Field]) -> dict[str, Problem]:
    """Column → what is wrong with it, of the row that was typed. The reader of goals.csv names rows by their number."""
    problems = visit.problem.problems if visit.problem else ()
    name = goal.goal_id if goal else visit.form.get("goal_id", "").strip()
    try:
        text = content_of(visit.folder.folder, GOALS_FILE).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(edited_rows(GOALS_FILE, text, [Edit((name,), _row(visit, asked))], columns=COLUMNS)))
        place = [head.strip() for head in next(reader)].index("goal_id")
        rows = [reader.line_num for cells in reader if len(cells) > place and cells[place].strip() == name]
    except (ShopkeeperError, UnicodeDecodeError, ValueError):
        rows = []
    starts = {GOALS_FILE, *(f"{GOALS_FILE} row {row}" for row in rows)}
    return {steps[1]: problem for problem in reversed(problems) if len(steps := steps_of(problem)) == 2 and steps[0] in starts}
