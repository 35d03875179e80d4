"""Initiatives: what the outer loop does about a cause, from the proposal to the proof.

    proposed → funded → in progress → done → verified, or dropped on the way

Everything that is decided is an event of `ops.initiative_events`; state, plan and measure are folded from them. Every function
works inside the caller's transaction and says that it happened at `at`. `command_id` names what is asked for: asked again under the
same id, nothing more happens. All raise ShopkeeperError for an unknown initiative and for what its state does not allow.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.initiative_log import (
    MOVES,
    Happened,
    Initiative,
    Measure,
    Origin,
    Plan,
    State,
    Told,
    find,
    history,
    measure_said,
    plan_said,
    visible,
)
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.initiative_tables import INITIATIVE_EVENTS, MEASURES

__all__ = [
    "MOVES",
    "Happened",
    "Initiative",
    "Measure",
    "Origin",
    "Plan",
    "State",
    "Told",
    "asked",
    "done",
    "drop",
    "find",
    "fund",
    "history",
    "measure_said",
    "plan_said",
    "propose",
    "refuse",
    "register_measure",
    "revise",
    "start",
    "tell",
    "verify",
    "visible",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


# --- proposing and planning -------------------------------------------------------------------------------------------


def propose(
    connection: sa.Connection,
    initiative_id: str,
    plan: Plan,
    *,
    command_id: UUID,
    actor: str,
    at: datetime,
    came_from: Origin = "leaders",
    backlog_item_id: UUID | None = None,
) -> None:
    """Propose something under a name of its own (small letters, digits and -). `backlog_item_id`: what the front line handed over."""
    if not _NAME.fullmatch(initiative_id):
        raise fail(f"initiative {initiative_id!r}", "is no name", "write small letters, digits and -, such as letters-in-plain-words")
    if _begin(connection, initiative_id, command_id):
        return
    there = sa.select(sa.exists().where(INITIATIVE_EVENTS.c.initiative_id == initiative_id))
    if connection.scalar(there):
        raise refuse(initiative_id, "was proposed before", "choose another name, or revise it")
    more = {"came_from": came_from, "backlog_item_id": backlog_item_id}
    _append(connection, initiative_id, "proposed", command_id=command_id, actor=actor, at=at, **_of_plan(initiative_id, plan), **more)


def revise(connection: sa.Connection, initiative_id: str, plan: Plan, *, command_id: UUID, actor: str, at: datetime) -> None:
    """Another plan in place of the last, as long as it is not verified or dropped. The measure is not touched by it."""
    if _begin(connection, initiative_id, command_id):
        return
    one = find(connection, initiative_id)
    if one.state in ("verified", "dropped"):
        raise refuse(initiative_id, f"is {one.state}: its plan stays as it was", "propose another one")
    if one.plan != plan:
        _append(connection, initiative_id, "revised", command_id=command_id, actor=actor, at=at, **_of_plan(initiative_id, plan))


def register_measure(
    connection: sa.Connection, initiative_id: str, measure: Measure, *, command_id: UUID, actor: str, at: datetime
) -> None:
    """Say what it will be judged by. Once it has started the measure is frozen: who has seen the result must not choose it."""
    if _begin(connection, initiative_id, command_id):
        return
    one = find(connection, initiative_id)
    if one.measure == measure:
        return
    if one.state not in ("proposed", "funded"):
        raise refuse(
            initiative_id, f"is {one.state.replace('_', ' ')}: its measure is frozen", "propose another one with a measure of its own"
        )
    if measure.measure not in MEASURES:
        raise fail("measure", f"there is no measure {measure.measure}", f"use one of {', '.join(MEASURES)}")
    if not measure.units:
        raise fail("measure", "names no unit where it is to be done", "name teams, branches or regions; all others of the kind compare")
    _append(
        connection,
        initiative_id,
        "measure_registered",
        command_id=command_id,
        actor=actor,
        at=at,
        measure=measure.measure,
        measure_programme=measure.programme,
        measure_dimension=measure.dimension,
        measure_value=measure.value,
        measure_units=" ".join(sorted(set(measure.units))),
    )


# --- moving -----------------------------------------------------------------------------------------------------------


def fund(connection: sa.Connection, initiative_id: str, *, command_id: UUID, actor: str, at: datetime) -> None:
    """It gets its money: owner, due date and cost must be known."""
    one = _may(connection, initiative_id, "fund", command_id)
    if one is None:
        return
    missing = [name for name in ("owner", "due_on", "cost") if getattr(one.plan, name) is None]
    if missing:
        raise refuse(initiative_id, f"has no {', '.join(missing)}", "revise its plan first")
    _append(connection, initiative_id, "funded", command_id=command_id, actor=actor, at=at)


def start(connection: sa.Connection, initiative_id: str, *, command_id: UUID, actor: str, at: datetime, on: date) -> None:
    """Begin on a day of the company. What it is judged by must have been registered."""
    one = _may(connection, initiative_id, "start", command_id)
    if one is None:
        return
    if one.measure is None:
        raise refuse(initiative_id, "has no measure", "say what it will be judged by before it starts: ./shopkeeper initiative measure")
    _append(connection, initiative_id, "started", command_id=command_id, actor=actor, at=at, happened_on=on)


def done(connection: sa.Connection, initiative_id: str, *, command_id: UUID, actor: str, at: datetime, on: date) -> None:
    """All of it is in place from this day on; answers from here on are the time after."""
    one = _may(connection, initiative_id, "done", command_id)
    if one is None:
        return
    if one.started_on is not None and on < one.started_on:
        raise refuse(initiative_id, f"cannot be done on {on}, before it started on {one.started_on}", "name a later day")
    _append(connection, initiative_id, "done", command_id=command_id, actor=actor, at=at, happened_on=on)


def verify(connection: sa.Connection, initiative_id: str, *, command_id: UUID, actor: str, at: datetime, reason: str | None = None) -> None:
    """It has worked. `reason` says how one knows, where no published effect has an interval above 0 (for detractors: below)."""
    one = _may(connection, initiative_id, "verify", command_id)
    if one is None:
        return
    said = (reason or "").strip() or None
    if said is None and not _is_shown(connection, one):
        hint = "wait for marts.initiative_priorities to show one, or say with a reason by what else it is verified"
        raise refuse(initiative_id, "has no measured effect that excludes nought", hint)
    _append(connection, initiative_id, "verified", command_id=command_id, actor=actor, at=at, reason=said)


def drop(connection: sa.Connection, initiative_id: str, *, command_id: UUID, actor: str, at: datetime, reason: str) -> None:
    """It is not done, or not to its end; the reason is kept, in words that name nobody."""
    one = _may(connection, initiative_id, "drop", command_id)
    if one is None:
        return
    if not reason.strip():
        raise refuse(initiative_id, "is not dropped without a reason", "say why in one sentence")
    _append(connection, initiative_id, "dropped", command_id=command_id, actor=actor, at=at, reason=reason.strip())


def tell(connection: sa.Connection, initiative_id: str, told: Told, *, command_id: UUID, actor: str, at: datetime) -> None:
    """You said, we did: to be read once it is done. Said again, the last word holds."""
    if _begin(connection, initiative_id, command_id):
        return
    one = find(connection, initiative_id)
    if one.state not in ("done", "verified"):
        raise refuse(initiative_id, "is not done yet", "tell of it once it is")
    if not told.you_said.strip() or not told.we_did.strip():
        raise refuse(initiative_id, "does not say both what customers said and what was done", "write one sentence each")
    if one.told != told:
        _append(connection, initiative_id, "told", command_id=command_id, actor=actor, at=at, **asdict(told))


def _is_shown(connection: sa.Connection, one: Initiative) -> bool:
    if not connection.scalar(sa.text("select to_regclass('marts.initiative_priorities') is not null")):
        return False
    query = "select effect_low, effect_high from marts.initiative_priorities where initiative_id = :id and effect_verdict = 'usable'"
    row = connection.execute(sa.text(query), {"id": one.initiative_id}).one_or_none()
    if row is None or one.measure is None:
        return False
    return bool(row.effect_high < 0 if one.measure.measure == "detractors" else row.effect_low > 0)


# --- what they have in common -----------------------------------------------------------------------------------------


def refuse(initiative_id: str, what: str, hint: str) -> ShopkeeperError:
    return fail(f"initiative {initiative_id}", what, hint)


def shown(state: State) -> str:
    return state.replace("_", " ")


def asked(*parts: str) -> UUID:
    """A name for what is asked for, made of what makes it the same."""
    return stable_id("initiative", *parts)


def _begin(connection: sa.Connection, initiative_id: str, command_id: UUID) -> bool:
    """Until the transaction ends nobody else decides about it. True where what is asked for was done already."""
    connection.execute(
        sa.text("select pg_advisory_xact_lock(hashtextextended('shopkeeper.initiative.' || cast(:id as text), 0))"), {"id": initiative_id}
    )
    return bool(connection.scalar(sa.select(sa.exists().where(INITIATIVE_EVENTS.c.command_id == command_id))))


def _may(connection: sa.Connection, initiative_id: str, verb: str, command_id: UUID) -> Initiative | None:
    """The initiative, where its state allows the verb; None where it was done already under this id."""
    if _begin(connection, initiative_id, command_id):
        return None
    one = find(connection, initiative_id)
    states, _ = MOVES[verb]
    if one.state not in states:
        before = " or ".join(shown(state) for state in states)
        raise refuse(initiative_id, f"is {shown(one.state)}", f"{verb} takes one that is {before}")
    return one


def _append(connection: sa.Connection, initiative_id: str, event: str, *, at: datetime, **more: Any) -> None:
    connection.execute(sa.insert(INITIATIVE_EVENTS).values(initiative_id=initiative_id, event=event, occurred_at=at, **more))


def _of_plan(initiative_id: str, plan: Plan) -> dict[str, Any]:
    """The plan as columns. Raises ShopkeeperError for what cannot be."""
    where = f"initiative {initiative_id}"
    if not plan.title.strip():
        raise fail(where, "has no title", "say in a few words what is to be done")
    for name in ("budget", "cost"):
        amount = getattr(plan, name)
        if amount is not None and (not amount.is_finite() or amount <= 0):
            raise fail(f"{where} › {name}", f"{amount} is no amount of money", "write a number above 0")
    if plan.confidence is not None and not 0 <= plan.confidence <= 1:
        raise fail(f"{where} › confidence", f"{plan.confidence} is no confidence", "write a number from 0 to 1")
    return asdict(plan) | {"title": plan.title.strip()}
