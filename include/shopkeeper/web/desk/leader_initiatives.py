"""Initiatives on the desk: ranked as last published, each with its plan, its measure and what happened, and forms to move it on.

Who proposed one does not fund it, and who said that it is done does not verify it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import initiatives
from shopkeeper.closed_loop.initiatives import Initiative, Measure, Plan, Told
from shopkeeper.company.goals import DIMENSIONS
from shopkeeper.company.load import load_for_leaders
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.warehouse.initiative_tables import MEASURES
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.desk.model_form import Field, steps_of, texts, typed
from shopkeeper.web.pages import Refused

_RANKED = """
    select initiative_id, rank, customers_affected, value_at_stake, effect, effect_low, effect_high, effect_verdict
    from marts.initiative_priorities
"""
# A move that whoever did the other one leaves to somebody else.
ANOTHER = {"fund": "proposed", "verify": "done"}


def routes(desk: Desk) -> list[Route]:
    at = "/desk/leaders/initiatives/{initiative_id}"
    return [
        desk.show("/desk/leaders/initiatives", overview, decides=True),
        desk.show("/desk/leaders/initiatives/new", add, decides=True),
        desk.act("/desk/leaders/initiatives/new", propose, shows=add, decides=True),
        desk.show(at, one, decides=True),
        desk.act(at, act, shows=one, decides=True),
    ]


def overview(visit: Visit) -> Response:
    found, ranked = initiatives.visible(visit.connection), _ranked(visit)
    unranked = len(found) + 1
    in_order = sorted(found, key=lambda each: (ranked.get(each.initiative_id, {}).get("rank") or unranked, each.initiative_id))
    return visit.page("leaders_initiatives", initiatives=in_order, ranked=ranked)


def _ranked(visit: Visit) -> dict[str, Mapping[str, Any]]:
    """initiative_id → what the last publication says of it; nothing before the first."""
    if not visit.connection.scalar(sa.text("select to_regclass('marts.initiative_priorities') is not null")):
        return {}
    return {row["initiative_id"]: dict(row) for row in visit.connection.execute(sa.text(_RANKED)).mappings()}


def add(visit: Visit) -> Response:
    return visit.page(
        "leaders_initiative_new", name_error=_errors(visit).get("id"), fields=_shown(visit, "plan", _plan_fields(visit, None))
    )


def one(visit: Visit) -> Response:
    found = _find(visit)
    may_measure = found.state in ("proposed", "funded")
    return visit.page(
        "leaders_initiative",
        initiative=found,
        history=initiatives.history(visit.connection, found.initiative_id),
        ranked=_ranked(visit).get(found.initiative_id),
        plan=_shown(visit, "revise", _plan_fields(visit, found.plan)) if found.state not in ("verified", "dropped") else [],
        measures=_shown(visit, "measure", _measure_fields(visit, found.measure)) if may_measure else [],
        may_tell=found.state in ("done", "verified"),
        today=visit.now.astimezone(visit.folder.company.zone).date(),
    )


# --- acting -----------------------------------------------------------------------------------------------------------


def _by(visit: Visit) -> dict[str, Any]:
    """Under which command, in whose name, and when."""
    return {"command_id": fields.command_id(visit), "actor": visit.me.employee_id, "at": visit.now}


def propose(visit: Visit) -> Response:
    name = visit.form.get("initiative_id", "").strip()
    if name == "new":
        raise fail("initiative › id", "new is the name of this page", "choose another")
    initiatives.propose(visit.connection, name, _plan(visit), **_by(visit))
    return visit.to(f"leaders/initiatives/{name}", "initiative_proposed")


def act(visit: Visit) -> Response:
    """What a form of the page asks for, by its field `do`."""
    found, asked = _find(visit), visit.form.get("do", "")
    by = _by(visit)
    if asked == "revise":
        initiatives.revise(visit.connection, found.initiative_id, _plan(visit), **by)
        return _back(visit, "initiative_revised")
    if asked == "measure":
        initiatives.register_measure(visit.connection, found.initiative_id, _measure(visit), **by)
        return _back(visit, "initiative_measured")
    if asked == "tell":
        told = Told(fields.text(visit, "you_said") or "", fields.text(visit, "we_did") or "", visit.form.get("for_customers") == "yes")
        initiatives.tell(visit.connection, found.initiative_id, told, **by)
        return _back(visit, "initiative_told")
    move = _MOVES.get(asked)
    if move is None:
        raise Refused("bad_request")
    _is_anothers(visit, found, asked)
    move(visit, found.initiative_id, by)
    return _back(visit, "initiative_moved")


def _reason(visit: Visit) -> str:
    return fields.text(visit, "reason") or ""


_MOVES: dict[str, Callable[[Visit, str, dict[str, Any]], None]] = {
    "fund": lambda visit, name, by: initiatives.fund(visit.connection, name, **by),
    "start": lambda visit, name, by: initiatives.start(visit.connection, name, on=fields.day(visit, "on"), **by),
    "done": lambda visit, name, by: initiatives.done(visit.connection, name, on=fields.day(visit, "on"), **by),
    "verify": lambda visit, name, by: initiatives.verify(visit.connection, name, reason=_reason(visit) or None, **by),
    "drop": lambda visit, name, by: initiatives.drop(visit.connection, name, reason=_reason(visit), **by),
}


def _is_anothers(visit: Visit, found: Initiative, verb: str) -> None:
    past = [event for event in initiatives.history(visit.connection, found.initiative_id) if event.event == ANOTHER.get(verb)]
    if past and past[-1].actor == visit.me.employee_id:
        raise initiatives.refuse(found.initiative_id, f"was {past[-1].event} by you", f"another leader has to {verb} it")


def _back(visit: Visit, done: str) -> Response:
    return visit.to(f"leaders/initiatives/{visit.request.path_params['initiative_id']}", done)


def _find(visit: Visit) -> Initiative:
    try:
        return initiatives.find(visit.connection, visit.request.path_params["initiative_id"])
    except ShopkeeperError:
        raise Refused("not_found") from None


# --- forms ------------------------------------------------------------------------------------------------------------


def _plan_fields(visit: Visit, plan: Plan | None) -> list[Field]:
    folder = load_for_leaders(visit.folder.folder)
    asking = tuple(name for name, programme in folder.programmes.programmes.items() if programme.kind != "employee")

    def field(name: str, kind: str = "text", options: tuple[str, ...] = (), *, is_needed: bool = False) -> Field:
        usual = "all" if name in ("dimension", "dimension_value") else None
        return Field(name, kind, texts(getattr(plan, name) if plan else usual), options, is_needed, "")  # type: ignore[arg-type]

    return [
        field("title", is_needed=True),
        field("owner"),
        field("due_on", "day"),
        *(field(name, "number") for name in ("budget", "cost")),
        field("programme", "one", asking) if asking else field("programme"),
        field("dimension", "one", tuple(DIMENSIONS), is_needed=True),
        field("dimension_value"),
        field("theme"),
        *(field(name, "number") for name in ("expected_effect", "confidence")),
    ]


def _measure_fields(visit: Visit, measure: Measure | None) -> list[Field]:
    folder = load_for_leaders(visit.folder.folder)
    asking = tuple(name for name, programme in folder.programmes.programmes.items() if programme.kind != "employee")
    shown = {
        "measure": measure.measure if measure else "nps",
        "measure_programme": measure.programme if measure else "",
        "units": " ".join(measure.units) if measure else "",
        "measure_dimension": measure.dimension if measure else "all",
        "measure_value": measure.value if measure else "all",
    }
    options = {"measure": MEASURES, "measure_programme": asking, "measure_dimension": tuple(DIMENSIONS)}
    return [
        Field(name, "one" if options.get(name) else "text", (value,) if value else (), options.get(name, ()), True, "")
        for name, value in shown.items()
    ]


def _shown(visit: Visit, form: str, of: list[Field]) -> list[tuple[Field, tuple[str, ...], Any]]:
    """Fields with what was typed, where this is the form that was sent; else with what there is."""
    is_sent = visit.problem is not None and visit.form.get("do", "plan") == form
    said = typed(visit, of) if is_sent else {}
    errors = _errors(visit) if is_sent else {}
    return [(each, said.get(each.name, each.shown), errors.get(each.name)) for each in of]


def _errors(visit: Visit) -> dict[str, Any]:
    """The field's name, where a problem says which → the problem."""
    problems = visit.problem.problems if visit.problem else ()
    return {steps_of(problem)[-1]: problem for problem in problems}


def _plan(visit: Visit) -> Plan:
    said = {name: visit.form.get(name, "").strip() or None for name in Plan.__dataclass_fields__}
    return Plan(
        title=said["title"] or "",
        owner=said["owner"],
        due_on=_day(said["due_on"]),
        budget=fields.amount(visit, "budget"),
        cost=fields.amount(visit, "cost"),
        programme=said["programme"],
        dimension=said["dimension"] or "all",
        dimension_value=said["dimension_value"] or "all",
        theme=said["theme"],
        expected_effect=_number("expected_effect", said["expected_effect"]),
        confidence=_number("confidence", said["confidence"]),
    )


def _measure(visit: Visit) -> Measure:
    said = visit.form
    return Measure(
        measure=said.get("measure", ""),
        programme=said.get("measure_programme", "").strip(),
        units=tuple(said.get("units", "").replace(",", " ").split()),
        dimension=said.get("measure_dimension", "").strip() or "all",
        value=said.get("measure_value", "").strip() or "all",
    )


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise fail("initiative › due_on", "is no day", "write it like 2026-03-31") from None


def _number(name: str, written: str | None) -> Decimal | None:
    try:
        found = Decimal(written.replace(",", ".")) if written else None
    except InvalidOperation:
        found = Decimal("nan")
    if found is not None and not (found.is_finite() and abs(found) < Decimal(10) ** 12):
        raise fail(f"initiative › {name}", "is no number", "write digits, with a point before decimals")
    return found
