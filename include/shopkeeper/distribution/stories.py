"""Recovery stories: a customer who was unhappy, what a colleague did, and what the customer said afterwards.

Told in redacted words from the published marts, and only those that somebody has approved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.messages.writing import lines
from shopkeeper.warehouse.distribution_tables import STORY_DECISIONS

Decision = Literal["approved", "withdrawn"]


@dataclass(frozen=True)
class Story:
    """One closed order of a customer who was reached. Scores on the scale of their surveys; money in the company's currency."""

    order_id: UUID
    unit_id: str | None
    closed_on: date
    action: str | None
    score_before: int | None
    score_after: int | None
    attempts: int
    hours_to_close: Decimal | None
    cost: Decimal
    said: tuple[str, ...] = field(repr=False)
    learned: tuple[str, ...] = field(repr=False)
    said_after: tuple[str, ...] = field(repr=False)


# What may be told: resolved, the customer was reached, something was learned. Better afterwards first.
_TOLD = """
    select
        orders.work_order_id as order_id, orders.org_unit_id, orders.closed_at, orders.action, orders.score_when_opened,
        orders.recovery_score, orders.attempts, orders.hours_to_close, orders.cost,
        answers.verbatim as said, recovery.verbatim as said_after, lessons.learned
    from marts.fct_work_orders as orders
    inner join (
        select work_order_id, string_agg(learned, chr(10) order by attempted_at, attempt_id) as learned
        from marts.fct_contact_attempts where learned is not null group by work_order_id
    ) as lessons using (work_order_id)
    left join marts.fct_survey_responses as answers on orders.response_id = answers.response_id
    left join marts.fct_survey_responses as recovery on orders.recovery_response_id = recovery.response_id
    where orders.state = 'closed' and orders.close_reason = 'resolved' and orders.is_reached
"""
_LAST_DECISIONS = "select distinct on (order_id) order_id, decision from ops.story_decisions order by order_id, decision_id desc"


def approved(connection: sa.Connection, *, limit: int = 200) -> list[Story]:
    """The stories that may be told, the newest first."""
    query = f"""
        select told.* from ({_TOLD}) as told inner join ({_LAST_DECISIONS}) as decisions using (order_id)
        where decisions.decision = 'approved' order by told.closed_at desc, told.order_id limit :limit
    """
    return [_story(row) for row in connection.execute(sa.text(query), {"limit": limit})]


def candidates(connection: sa.Connection, *, limit: int = 20) -> list[Story]:
    """Stories on which nobody has decided: first those whose customer was asked again and scored higher by most, then the newest."""
    query = f"""
        select told.* from ({_TOLD}) as told left join ({_LAST_DECISIONS}) as decisions using (order_id)
        where decisions.order_id is null
        order by told.recovery_score - told.score_when_opened desc nulls last, told.closed_at desc, told.order_id limit :limit
    """
    return [_story(row) for row in connection.execute(sa.text(query), {"limit": limit})]


def decide(connection: sa.Connection, order_id: UUID, decision: Decision, *, by: str, now: datetime) -> None:
    """Approve a story, or withdraw it. Raises ShopkeeperError when the published marts hold no such story."""
    is_there = connection.scalar(sa.text(f"select count(*) from ({_TOLD}) as told where order_id = :order_id"), {"order_id": order_id})
    if decision == "approved" and not is_there:
        what = "is no order of the published marts that was resolved with a customer who was reached, and something learned"
        raise fail(f"order {order_id}", what, "./shopkeeper stories list shows those that are")
    row = {"order_id": order_id, "decision": decision, "decided_by": by, "decided_at": now}
    connection.execute(sa.insert(STORY_DECISIONS).values(row))


def _story(row: sa.Row[Any]) -> Story:
    return Story(
        order_id=row.order_id,
        unit_id=row.org_unit_id,
        closed_on=row.closed_at.date(),
        action=row.action,
        score_before=row.score_when_opened,
        score_after=row.recovery_score,
        attempts=row.attempts,
        hours_to_close=row.hours_to_close,
        cost=row.cost,
        said=lines(row.said),
        learned=lines(row.learned),
        said_after=lines(row.said_after),
    )
