"""What is known of an initiative: its plan, what it is judged by, and what happened to it, folded from its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse.initiative_tables import INITIATIVE_EVENTS, INITIATIVE_STATES

State = Literal["proposed", "funded", "in_progress", "done", "verified", "dropped"]
Origin = Literal["learning", "huddle", "leaders", "file"]
assert get_args(State) == INITIATIVE_STATES

# verb → (states that it leads out of, the state that it leads to)
MOVES: Mapping[str, tuple[tuple[State, ...], State]] = {
    "fund": (("proposed",), "funded"),
    "start": (("funded",), "in_progress"),
    "done": (("in_progress",), "done"),
    "verify": (("done",), "verified"),
    "drop": (("proposed", "funded", "in_progress"), "dropped"),
}
STATE_AFTER: Mapping[str, State] = {
    "proposed": "proposed",
    "funded": "funded",
    "started": "in_progress",
    "done": "done",
    "verified": "verified",
    "dropped": "dropped",
}


@dataclass(frozen=True)
class Plan:
    """What is to be done, for whom, and what it is expected to bring. Titles and owners name nobody: a department or a role.

    `budget` and `cost` are in the company's currency; `expected_effect` in points of the score; `confidence` from 0 to 1.
    `dimension` and `dimension_value` are those of nps_by_segment (`all`, `all` for everybody), `theme` one of themes.yml.
    """

    title: str
    owner: str | None = None
    due_on: date | None = None
    budget: Decimal | None = None
    cost: Decimal | None = None
    programme: str | None = None
    dimension: str = "all"
    dimension_value: str = "all"
    theme: str | None = None
    expected_effect: Decimal | None = None
    confidence: Decimal | None = None


@dataclass(frozen=True)
class Measure:
    """What an initiative is judged by: a measure of answers of one programme, in `units` against all others of their kind.

    `measure` is nps, promoters or detractors, in points. `units` are teams, branches or regions, all of one kind. `dimension` and
    `value` cut both kinds of unit alike, such as interaction_type, claim.
    """

    measure: str
    programme: str
    units: tuple[str, ...]
    dimension: str = "all"
    value: str = "all"


@dataclass(frozen=True)
class Told:
    """You said, we did: in the company's words. Customers read it where `for_customers`; the front line always."""

    you_said: str
    we_did: str
    for_customers: bool = False


@dataclass(frozen=True)
class Initiative:
    """An initiative as its events say. `started_on` and `done_on` are days of the company."""

    initiative_id: str
    state: State
    came_from: Origin
    plan: Plan
    proposed_at: datetime
    backlog_item_id: UUID | None = None
    measure: Measure | None = None
    measure_registered_at: datetime | None = None
    started_on: date | None = None
    done_on: date | None = None
    told: Told | None = None
    reason: str | None = None

    @property
    def moves(self) -> tuple[str, ...]:
        """Verbs that its state allows."""
        return tuple(verb for verb, (states, _) in MOVES.items() if self.state in states)


@dataclass(frozen=True)
class Happened:
    """One entry of an initiative's history."""

    event: str
    actor: str
    occurred_at: datetime
    happened_on: date | None
    reason: str | None


# --- reading ----------------------------------------------------------------------------------------------------------


def visible(connection: sa.Connection) -> list[Initiative]:
    """All initiatives that the reader may see, by id. Ranks are in marts.initiative_priorities."""
    return _folded(connection.execute(sa.select(INITIATIVE_EVENTS).order_by(INITIATIVE_EVENTS.c.event_id)).mappings())


def find(connection: sa.Connection, initiative_id: str) -> Initiative:
    """Raises ShopkeeperError where there is none, or it is not for the reader's eyes: the two look the same."""
    chosen = sa.select(INITIATIVE_EVENTS).where(INITIATIVE_EVENTS.c.initiative_id == initiative_id)
    found = _folded(connection.execute(chosen.order_by(INITIATIVE_EVENTS.c.event_id)).mappings())
    if not found:
        raise fail(f"initiative {initiative_id}", "there is no such initiative", "./shopkeeper initiative list shows them")
    return found[0]


def history(connection: sa.Connection, initiative_id: str) -> list[Happened]:
    """Everything that was decided about one, the oldest first."""
    columns = [INITIATIVE_EVENTS.c[name] for name in ("event", "actor", "occurred_at", "happened_on", "reason")]
    chosen = sa.select(*columns).where(INITIATIVE_EVENTS.c.initiative_id == initiative_id).order_by(INITIATIVE_EVENTS.c.event_id)
    return [Happened(**row) for row in connection.execute(chosen).mappings()]


def _folded(events: Any) -> list[Initiative]:
    """Initiatives of events that come in their order; the last plan, measure and word hold."""
    found: dict[str, Initiative] = {}
    for event in events:
        name, kind = event["initiative_id"], event["event"]
        if kind == "proposed":
            found[name] = Initiative(
                name, "proposed", event["came_from"], plan_said(event), event["occurred_at"], backlog_item_id=event["backlog_item_id"]
            )
            continue
        one = found[name]
        if kind == "revised":
            one = replace(one, plan=plan_said(event))
        elif kind == "measure_registered":
            one = replace(one, measure=measure_said(event), measure_registered_at=event["occurred_at"])
        elif kind == "told":
            one = replace(one, told=Told(event["you_said"], event["we_did"], bool(event["for_customers"])))
        else:
            days = {"started": {"started_on": event["happened_on"]}, "done": {"done_on": event["happened_on"]}}.get(kind, {})
            one = replace(one, state=STATE_AFTER[kind], reason=event["reason"], **days)
        found[name] = one
    return [found[name] for name in sorted(found)]


def plan_said(event: Mapping[str, Any]) -> Plan:
    """The plan of an event that proposed or revised it."""
    given = {name: event[name] for name in Plan.__dataclass_fields__}
    return Plan(**given | {"dimension": given["dimension"] or "all", "dimension_value": given["dimension_value"] or "all"})


def measure_said(event: Mapping[str, Any]) -> Measure:
    """The measure of an event that registered it."""
    return Measure(
        measure=event["measure"],
        programme=event["measure_programme"],
        units=tuple(event["measure_units"].split()),
        dimension=event["measure_dimension"],
        value=event["measure_value"],
    )
