"""Goals of the build at work, with what their cells have answered so far and month by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis.goals.projection import Ahead, Months
from shopkeeper.company.goals import EVERYBODY, wider_than
from shopkeeper.warehouse.goal_tables import GOALS

_COLUMNS = {"product": "product_id", "team": "team_id", "branch": "branch_id", "org_region": "org_region_id", "company": "company_id"}
_YEAR = 12  # full months by which the number of answers to come is judged


@dataclass(frozen=True)
class Counted:
    """Answers of a cell in a period: how many, promoters less detractors, promoters plus detractors, and the design effect."""

    answers: int = 0
    net: int = 0
    loud: int = 0
    deff: float = 1.0


@dataclass(frozen=True)
class Cell:
    """A goal with its counts: those of its period so far, and by first days of months. `target` is on −1…1."""

    goal_id: str
    parent_goal_id: str | None
    axis: tuple[str, ...]
    target: float
    starts_on: date
    ends_on: date
    own: Counted
    months: Mapping[date, Counted]
    share_inside_parent: float | None = None

    def is_over(self, last_day: date) -> bool:
        return self.ends_on <= last_day

    def history(self, last_day: date) -> Months:
        """From the first month with an answer to the one of the last day, months without answers too."""
        running = last_day.replace(day=1)
        firsts = [first for first in _months(min(self.months, default=running), running) if first <= running]
        found = [self.months.get(first, Counted()) for first in firsts]
        return Months(*(np.array([getattr(one, name) for one in found], float) for name in ("answers", "net", "loud")))

    def ahead(self, last_day: date) -> Ahead:
        """What is left of the period, at the pace of the last twelve full months, or of the running one where there are none."""
        running = last_day.replace(day=1)
        days = [
            max(0, (min(self.ends_on, _last(first)) - max(self.starts_on, first, last_day + timedelta(days=1))).days + 1)
            for first in _months(running, self.ends_on)
        ]
        full = [first for first in _months(min(self.months, default=running), running) if _last(first) <= last_day][-_YEAR:]
        numbers = np.array([self.months.get(first, Counted()).answers for first in full], float)
        if not full:
            return Ahead(self.own.answers, self.own.net, tuple(days), self.months.get(running, Counted()).answers / last_day.day, 0.0)
        mean = float(numbers.mean())
        more = float(numbers.var(ddof=1)) - mean if len(numbers) > 1 else 0.0
        lasted = (_last(full[-1]) - full[0]).days + 1
        return Ahead(
            self.own.answers, self.own.net, tuple(days), float(numbers.sum()) / lasted, max(0.0, more) ** 0.5 / mean if mean else 0.0
        )


def read(connection: sa.Connection) -> tuple[list[Cell], date]:
    """All goals, in the order of their file, and the last day that the build knows."""
    last_day: date = connection.execute(
        sa.text("select cast(timezone(company_timezone, as_of - interval '1 microsecond') as date) from ops.current_build")
    ).scalar_one()
    goals = connection.execute(sa.select(GOALS).order_by(GOALS.c.position)).all()
    if not goals:
        return [], last_day
    own: dict[str, Counted] = {}
    months: dict[str, dict[date, Counted]] = defaultdict(dict)
    query = "select * from intermediate.int_goals__counts order by goal_id, is_own, period_starts_on"
    for row in connection.execute(sa.text(query)):
        if row.is_own:
            own[row.goal_id] = _counted(row)
        else:
            months[row.goal_id][row.period_starts_on] = _counted(row)
    inside = _inside_parents(connection, goals)
    cells = [
        Cell(
            goal_id=goal.goal_id,
            parent_goal_id=goal.parent_goal_id,
            axis=(goal.period_grain, *sorted(name for name in (goal.dimension, goal.second_dimension) if name)),
            target=float(goal.target) / 100,
            starts_on=goal.period_starts_on,
            ends_on=goal.period_ends_on,
            own=own.get(goal.goal_id, Counted()),
            months=months[goal.goal_id],
            share_inside_parent=inside.get(goal.goal_id),
        )
        for goal in goals
    ]
    return cells, last_day


def _counted(row: Any) -> Counted:
    return Counted(int(row.answers), int(row.promoters - row.detractors), int(row.promoters + row.detractors), float(row.deff))


def _inside_parents(connection: sa.Connection, goals: Any) -> dict[str, float]:
    """Share of a goal's answers that are in its parent's cell, where the parent names a wider dimension: a branch and its region."""
    by_id = {goal.goal_id: goal for goal in goals}
    asked = [
        {"goal_id": goal.goal_id, "programme": goal.programme, "metric": goal.metric, "finer": _column(finer), "value": value}
        | {"wider": _column(wider), "wider_value": wider_value}
        for goal in goals
        if (parent := by_id.get(goal.parent_goal_id))
        for wider, wider_value in _pairs(parent)
        for finer, value in _pairs(goal)
        if wider in wider_than(finer)
    ]
    query = sa.text("""
        select coalesce(cast(sum(responses) filter (where other_value = :wider_value) as double precision), 0) / sum(responses)
        from (
            select responses, dimension_value as value, other_value from marts_next.nps_pair_counts
            where dimension = :finer and other_dimension = :wider and programme = :programme and metric = :metric
            union all
            select responses, other_value as value, dimension_value as other_value from marts_next.nps_pair_counts
            where dimension = :wider and other_dimension = :finer and programme = :programme and metric = :metric
        ) as pairs
        where value = :value
    """)
    found: dict[str, float] = {}
    for one in asked:
        share = connection.scalar(query, one)
        if share is not None:  # without answers there is nothing to tell by
            found[one["goal_id"]] = min(found.get(one["goal_id"], 1.0), share)
    return found


def _pairs(goal: Any) -> list[tuple[str, str]]:
    pairs = ((goal.dimension, goal.dimension_value), (goal.second_dimension, goal.second_value))
    return [(dimension, value) for dimension, value in pairs if dimension and dimension != EVERYBODY]


def _column(dimension: str) -> str:
    return _COLUMNS.get(dimension, dimension)


def _months(first: date, until: date) -> list[date]:
    """First days of the months from the one of `first` to the one of `until`."""
    numbers = range(first.year * 12 + first.month - 1, until.year * 12 + until.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _last(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
