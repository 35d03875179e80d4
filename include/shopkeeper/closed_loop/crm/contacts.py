"""Call-backs that the CRM has recorded (the entity contact_outcomes): each becomes one attempt of its order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop import orders
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.current import newest
from shopkeeper.warehouse import ids

NAMESPACE = "contact_outcome"
NOW_KNOWN = "infinity"

# What no event tells yet, or tells otherwise, in the batches that may be read. What cannot be an attempt now is looked at again by the
# next run.
_NEW = f"""
    select outcomes.*, orders.order_id, events.event_id is not null as is_recorded
    from ({newest("contact_outcomes", pii=("learned", "action_taken"))}) as outcomes
    left join ops.work_orders as orders on outcomes.work_order_id = cast(orders.order_id as text)
    left join ops.work_order_events as events on events.command_id = ops.stable_id('{NAMESPACE}', outcomes.attempt_id)
    where events.event_id is null or events.reached <> outcomes.reached
    order by outcomes.attempted_at nulls last, outcomes.attempt_id
"""


@dataclass
class Recorded:
    """How many became attempts; and why others did not, by the order that the CRM names (else by the CRM's id of the attempt)."""

    attempts: int = 0
    left: dict[str, str] = field(default_factory=dict)


def record(engine: sa.Engine, folder: CompanyFolder, now: datetime) -> Recorded:
    """Make an attempt of every contact outcome that is none yet, each in a transaction of its own; `now` cuts what lies ahead."""
    result = Recorded()
    with engine.connect() as connection:
        outcomes = connection.execute(sa.text(_NEW), {"known_at": NOW_KNOWN}).all()
    for outcome in outcomes:
        if outcome.is_recorded:
            # What people did on the word of the first version stands; somebody has to look.
            said = "reached the customer" if outcome.reached else "did not reach the customer"
            result.left[outcome.work_order_id] = f"the call {outcome.attempt_id} {said}, the CRM says now: it was recorded otherwise"
            continue
        problem = _problem(outcome, now)
        if problem is None:
            try:
                with engine.begin() as connection:
                    _attempt(connection, folder, outcome)
                result.attempts += 1
                continue
            except ShopkeeperError as error:
                problem = error.problems[0].what
        result.left[outcome.work_order_id or outcome.attempt_id] = f"the call {outcome.attempt_id} was not recorded: {problem}"
    return result


def _problem(outcome: sa.Row[Any], now: datetime) -> str | None:
    if outcome.order_id is None:
        return "there is no such order"
    if outcome.attempted_at is None or outcome.reached is None:
        return "the CRM does not say when it was, or whether the customer was reached"
    return "it lies in the future" if outcome.attempted_at > now else None


def _attempt(connection: sa.Connection, folder: CompanyFolder, outcome: sa.Row[Any]) -> None:
    orders.attempt(
        connection,
        outcome.order_id,
        folder=folder,
        command_id=ids.stable_id(NAMESPACE, outcome.attempt_id),
        actor=orders.CRM,
        at=outcome.attempted_at,
        reached=outcome.reached,
        learned=outcome.learned,
        action_taken=outcome.action_taken,
        amount=outcome.action_cost or None,
        follow_up_at=_begins(folder, outcome.follow_up_on),
    )


def _begins(folder: CompanyFolder, day: date | None) -> datetime | None:
    """When work begins on that day."""
    return None if day is None else datetime.combine(day, folder.closed_loop.calendar.starts, folder.company.zone)
