"""Rules of the closed loop as forms: what calls for action, who acts, by when. A form proposes a change; nothing is written here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import changes
from shopkeeper.closed_loop.change_drafts import RULES_FILE, content_of, hash_of
from shopkeeper.company.closed_loop import Calendar, ClosedLoop, Comparison, Cycle, Escalation, QuietHours, Rule, RuleKind
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.edits import Edit
from shopkeeper.company.load import load_for_leaders
from shopkeeper.errors import fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.desk.model_form import Field, beside, fields_of, plain, steps_of, typed
from shopkeeper.web.pages import Refused

KINDS: tuple[str, ...] = RuleKind.__args__  # type: ignore[attr-defined]
# Parts that are one thing each, and parts of named things.
SINGLE: dict[str, type[BaseModel]] = {"cycle": Cycle, "calendar": Calendar, "quiet_hours": QuietHours, "comparison": Comparison}
NAMED: dict[str, type[BaseModel]] = {"rules": Rule, "escalations": Escalation}


@dataclass(frozen=True)
class Place:
    """A rule or a part, as the company folder has it now; `current` is None for one that is to be new."""

    path: tuple[str, ...]
    model: type[BaseModel]
    current: BaseModel | None
    fields: list[Field]


def routes(desk: Desk) -> list[Route]:
    named, single, new = "/desk/leaders/rules/{part}/{name}", "/desk/leaders/rules/{part}", "/desk/leaders/rules/{part}/new"
    return [
        desk.show("/desk/leaders/rules", overview, decides=True),
        desk.show(new, add, decides=True),
        desk.act(new, propose_new, shows=add, decides=True),
        desk.show(named, edit, decides=True),
        desk.act(named, propose, shows=edit, decides=True),
        desk.show(single, edit, decides=True),
        desk.act(single, propose, shows=edit, decides=True),
    ]


def overview(visit: Visit) -> Response:
    loop = _now(visit).closed_loop
    return visit.page("leaders_rules", loop_rules=loop.rules.items(), escalations=loop.escalations.items(), single=SINGLE)


def edit(visit: Visit) -> Response:
    return _form(visit, _place(visit))


def add(visit: Visit) -> Response:
    return _form(visit, _new(visit))


def propose(visit: Visit) -> Response:
    place = _place(visit)
    if visit.form.get("do") == "remove":
        if len(place.path) < 2:
            raise Refused("bad_request")
        return _propose(visit, [Edit(place.path, remove=True)])
    said = typed(visit, place.fields)
    return _propose(
        visit, [Edit((*place.path, one.name), plain(one, said[one.name])) for one in place.fields if said[one.name] != one.shown]
    )


def propose_new(visit: Visit) -> Response:
    """A new rule says what it says; what is as usual is left to the usual."""
    place = _new(visit)
    name, said = visit.form.get("name", "").strip(), typed(visit, place.fields)
    if not name or name == "new":
        raise fail(f"{RULES_FILE} › {place.path[0]} › new › name", "it has no name", "write one, such as angry_letter")
    if name in getattr(_now(visit).closed_loop, place.path[0]):
        raise fail(f"{RULES_FILE} › {place.path[0]} › new › name", "there is one of this name", "choose another name, or change that one")
    value = {one.name: plain(one, said[one.name]) for one in place.fields if said[one.name] != one.shown}
    if place.model is Rule:
        value = {"kind": visit.form.get("kind"), **value}
    return _propose(visit, [Edit((place.path[0], name), value, before=visit.form.get("before") or None)])


def _propose(visit: Visit, edits: list[Edit]) -> Response:
    change_id = changes.propose(
        visit.connection,
        visit.folder.folder,
        RULES_FILE,
        edits,
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


def _place(visit: Visit) -> Place:
    part, name = visit.request.path_params["part"], visit.request.path_params.get("name")
    folder = _now(visit)
    if name is None and part in SINGLE:
        current: BaseModel = getattr(folder.closed_loop, part)
        return Place((part,), SINGLE[part], current, _fields(folder, SINGLE[part], current))
    found = getattr(folder.closed_loop, part).get(name) if part in NAMED and name else None
    if name is None or found is None:
        raise Refused("not_found")
    return Place((part, name), NAMED[part], found, _fields(folder, NAMED[part], found, kind=getattr(found, "kind", None)))


def _new(visit: Visit) -> Place:
    part = visit.request.path_params["part"]
    if part not in NAMED:
        raise Refused("not_found")
    kind = visit.form.get("kind") or visit.request.query_params.get("kind", "")
    if part == "rules" and kind not in KINDS:
        kind = KINDS[0]
    return Place((part, "new"), NAMED[part], None, _fields(_now(visit), NAMED[part], None, kind=kind or None))


def _fields(folder: CompanyFolder, model: type[BaseModel], current: BaseModel | None, *, kind: str | None = None) -> list[Field]:
    """A rule's kind is what it is, and stays."""
    asking = [name for name, programme in folder.programmes.programmes.items() if programme.kind != "employee"]
    found = fields_of(
        model,
        current,
        without=("kind",),
        options={"programmes": asking, "recovery_programme": asking},
        in_order=("owners",),
    )
    return [field for field in found if kind is None or _is_for(field, kind)]


def _is_for(field: Field, kind: str) -> bool:
    """`low_score: …; complaint: …` in a key's description says for which kinds of rule it is; without a kind it is for all."""
    clauses = [clause.partition(":") for clause in field.hint.split(";")]
    named = {word for before, colon, _ in clauses if colon for word in re.findall(r"\w+", before)} & set(KINDS)
    return not named or kind in named


def _form(visit: Visit, place: Place) -> Response:
    loop: ClosedLoop = _now(visit).closed_loop
    is_sent = visit.problem is not None
    said = typed(visit, place.fields) if is_sent else {}
    problems = visit.problem.problems if visit.problem else ()
    start = (RULES_FILE, *place.path)
    if place.current is None:  # its own name, once it has one
        named = visit.form.get("name", "").strip()
        errors = beside(problems, (RULES_FILE, place.path[0], named)) | beside(problems, start)
        own = [one for one in problems if steps_of(one) == (RULES_FILE, place.path[0], named)]
        errors |= {"name": own[0]} if own else {}
    else:
        errors = beside(problems, start)
    return visit.page(
        "leaders_rule",
        part=place.path[0],
        name=place.path[1] if len(place.path) > 1 else None,
        is_new=place.current is None,
        kind=getattr(place.current, "kind", None) or visit.form.get("kind") or visit.request.query_params.get("kind") or KINDS[0],
        kinds=KINDS,
        fields=[(one, said.get(one.name, one.shown), errors.get(one.name)) for one in place.fields],
        name_error=errors.get("name"),
        others=list(getattr(loop, place.path[0])) if place.path[0] in NAMED else [],
        seen=visit.form.get("seen") or hash_of(content_of(visit.folder.folder, RULES_FILE)),
        longest=changes.LONGEST_NOTE,
    )
