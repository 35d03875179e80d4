"""Where initiatives come from besides the leaders' page: the company's file, and what the front line handed to the outer loop."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop import initiatives
from shopkeeper.closed_loop.initiatives import Measure, Plan, asked
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.initiatives import Proposal
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.initiative_tables import INITIATIVE_EVENTS

FILE, SHOPKEEPER = "file", "shopkeeper"


def gather(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, int]:
    """Propose what is new in initiatives.csv and in the backlog; done again, it adds nothing. Returns how much of each there was.

    `frozen`: rows of the file whose measure is another than that of the initiative, which has started.
    """
    counts = Counter[str]()
    with engine.begin() as connection:
        counts["learnings"] = hand_over_learnings(connection, now=now)
        counts["from_backlog"] = from_backlog(connection, now=now)
        for proposal in folder.initiatives:
            counts.update(from_file(connection, proposal, at=now))
    return {name: counts[name] for name in ("proposed", "revised", "frozen", "learnings", "from_backlog")}


# --- the company's file -----------------------------------------------------------------------------------------------


def from_file(connection: sa.Connection, proposal: Proposal, *, at: datetime) -> list[str]:
    """Take one row of the file over, where it says something else than it said last; returns what was done.

    What was revised elsewhere meanwhile stays: only a change of the row changes the initiative.
    """
    name, plan, measure = proposal.initiative_id, plan_of(proposal), measure_of(proposal)
    last = _said_by_file(connection, name)
    happened = []
    if not last:
        if any(one.initiative_id == name for one in initiatives.visible(connection)):
            return ["kept"]  # somebody else proposed it under this name first
        initiatives.propose(connection, name, plan, command_id=asked(FILE, name), actor=FILE, at=at, came_from="file")
        happened.append("proposed")
    one = initiatives.find(connection, name)
    seen = str(max(last)) if last else ""
    if last and one.state not in ("verified", "dropped") and _plans(last) != plan:
        initiatives.revise(connection, name, plan, command_id=asked(FILE, name, "plan", seen), actor=FILE, at=at)
        happened.append("revised")
    if measure is not None and one.measure != measure and _measures(last) != measure:
        if one.state not in ("proposed", "funded"):
            return [*happened, "frozen"]
        initiatives.register_measure(connection, name, measure, command_id=asked(FILE, name, "measure", seen), actor=FILE, at=at)
        happened.append("measured")
    return happened


def plan_of(proposal: Proposal) -> Plan:
    return Plan(**{field: getattr(proposal, field) for field in Plan.__dataclass_fields__})


def measure_of(proposal: Proposal) -> Measure | None:
    """Judged among the same answers as it is planned for."""
    if proposal.measure is None:
        return None
    units = tuple(sorted(set((proposal.measure_units or "").split())))
    return Measure(proposal.measure, proposal.programme, units, proposal.dimension, proposal.dimension_value)


def _said_by_file(connection: sa.Connection, name: str) -> dict[int, Any]:
    """What the file said before, by event."""
    chosen = sa.select(INITIATIVE_EVENTS).where(INITIATIVE_EVENTS.c.initiative_id == name, INITIATIVE_EVENTS.c.actor == FILE)
    return {event["event_id"]: event for event in connection.execute(chosen).mappings()}


def _plans(said: dict[int, Any]) -> Plan | None:
    plans = [event for _, event in sorted(said.items()) if event["event"] in ("proposed", "revised")]
    return initiatives.plan_said(plans[-1]) if plans else None


def _measures(said: dict[int, Any]) -> Measure | None:
    measures = [event for _, event in sorted(said.items()) if event["event"] == "measure_registered"]
    return initiatives.measure_said(measures[-1]) if measures else None


# --- the front line ---------------------------------------------------------------------------------------------------

# A call that taught something, and of which the employee says that others have to mend it.
_LEARNED = """
    select distinct on (events.order_id) events.order_id, events.actor, orders.org_unit_id
    from ops.work_order_events as events
    inner join pii.work_order_texts as texts on events.event_id = texts.event_id
    inner join ops.work_orders as orders on events.order_id = orders.order_id
    left join ops.backlog on backlog.source = 'work_order' and events.order_id = backlog.source_id
    where events.event = 'attempted' and events.action = 'passed_on' and texts.learned is not null and backlog.item_id is null
    order by events.order_id, events.event_id
"""

_NEW_ITEMS = """
    select backlog.item_id, backlog.source, backlog.org_unit_id, units.kind
    from ops.backlog
    left join (
        select distinct on (versions.org_unit_id) versions.org_unit_id, versions.kind
        from raw.org_units as versions
        inner join ops.batches on batches.batch_id = versions._batch_id and batches.status in ('passed', 'waived')
        order by versions.org_unit_id, versions._batch_id desc
    ) as units on backlog.org_unit_id = units.org_unit_id
    where not exists (select from ops.initiative_events as events where events.backlog_item_id = backlog.item_id)
    order by backlog.sent_at, backlog.item_id
"""
_DIMENSION = {"team": "team", "branch": "branch", "region": "org_region"}
_TITLES = {"huddle": "Raised in a huddle of {unit}", "work_order": "Learned on a call-back of {unit}"}


def hand_over_learnings(connection: sa.Connection, *, now: datetime) -> int:
    """What call-backs taught and somebody passed on goes to the outer loop's backlog, once; returns how much was new."""
    found = connection.execute(sa.text(_LEARNED)).all()
    for row in found:
        connection.execute(
            sa.text(
                """
                insert into ops.backlog (item_id, source, source_id, org_unit_id, sent_by, sent_at)
                values (:item_id, 'work_order', :order_id, :unit, :actor, :now)
                on conflict do nothing
                """
            ),
            {
                "item_id": stable_id("backlog", "work_order", str(row.order_id)),
                "order_id": row.order_id,
                "unit": row.org_unit_id,
                "actor": row.actor,
                "now": now,
            },
        )
    return len(found)


def from_backlog(connection: sa.Connection, *, now: datetime) -> int:
    """A proposal for everything that the front line handed over, for the unit that it comes from; returns how many were new.

    What was said stands where it was said, for those who may read it; the title says only where that is, until a leader revises it.
    """
    found = connection.execute(sa.text(_NEW_ITEMS)).all()
    for item in found:
        origin: initiatives.Origin = "huddle" if item.source == "huddle" else "learning"
        dimension = _DIMENSION.get(item.kind or "", "all")
        plan = Plan(
            title=_TITLES[item.source].format(unit=item.org_unit_id or "an unknown unit"),
            dimension=dimension,
            dimension_value=item.org_unit_id if dimension != "all" else "all",
        )
        initiatives.propose(
            connection,
            f"{origin}-{item.item_id.hex[:12]}",
            plan,
            command_id=asked("backlog", str(item.item_id)),
            actor=SHOPKEEPER,
            at=now,
            came_from=origin,
            backlog_item_id=item.item_id,
        )
    return len(found)
