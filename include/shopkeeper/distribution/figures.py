"""Scores of all units and of all employees, each kind in one query."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopkeeper.distribution.people import DIMENSIONS, Kind

# The closer to the front line, the shorter the periods: grain, and how many of them make a trend.
TRENDS: dict[Kind, tuple[str, int]] = {"team": ("week", 12), "branch": ("month", 6), "region": ("month", 12), "company": ("quarter", 8)}


@dataclass(frozen=True)
class Score:
    """One score in points with its interval; `score`, `low` and `high` are None in a hidden cell."""

    programme: str
    metric: str
    n: int
    score: float | None
    low: float | None
    high: float | None
    reporting: str
    change: float | None = None
    change_is_significant: bool = False


@dataclass(frozen=True)
class Period:
    """A score of one period of a trend; `label` such as 2026-03 or 3 Mar."""

    label: str
    score: Score
    is_break: bool


_COLUMNS = "programme, metric, responses, nps, nps_low, nps_high, reporting, change, change_is_significant"


def _score(row: sa.Row[Any]) -> Score:
    score, low, high, change = (None if value is None else float(value) for value in (row.nps, row.nps_low, row.nps_high, row.change))
    return Score(row.programme, row.metric, row.responses, score, low, high, row.reporting, change, bool(row.change_is_significant))


def of_units(connection: sa.Connection) -> dict[str, list[Score]]:
    """Unit → its scores of the last 90 days, one per programme, the one with most answers first."""
    query = f"""
        select dimension_value, {_COLUMNS} from marts.nps_current
        where dimension in ('team', 'branch', 'org_region', 'company')
        order by dimension_value, responses desc, programme, metric
    """
    found: dict[str, list[Score]] = defaultdict(list)
    for row in connection.execute(sa.text(query)):
        found[row.dimension_value].append(_score(row))
    return found


def of_company(connection: sa.Connection, dimension: str = "all") -> dict[str, list[Score]]:
    """Value of a dimension that is no unit, such as segment, → its scores of the last 90 days, that with most answers first."""
    query = f"""
        select dimension_value, {_COLUMNS} from marts.nps_current
        where dimension = :dimension order by responses desc, dimension_value, programme, metric
    """
    found: dict[str, list[Score]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"dimension": dimension}):
        found[row.dimension_value].append(_score(row))
    return found


def of_employees(connection: sa.Connection) -> dict[str, list[Score]]:
    """Employee → his or her scores of the last 90 days, one per programme, the one with most answers first."""
    query = f"""
        select employee_id, {_COLUMNS} from frontline.nps_by_employee
        where period_grain = 'rolling_90_days'
        order by employee_id, responses desc, programme, metric
    """
    found: dict[str, list[Score]] = defaultdict(list)
    for row in connection.execute(sa.text(query)):
        found[row.employee_id].append(_score(row))
    return found


def trends(connection: sa.Connection, kind: Kind, dimension: str | None = None) -> dict[tuple[str, str, str], list[Period]]:
    """(unit, programme, metric) → its last periods, oldest first, in the grain that fits the kind of unit. The current one is left out.

    With a `dimension`, such as `all`, that dimension's values in the same grain.
    """
    grain, count = TRENDS[kind]
    query = f"""
        select * from (
            select
                dimension_value, period_starts_on, is_method_break, {_COLUMNS},
                dense_rank() over (order by period_starts_on desc) as recency
            from marts.nps_by_segment
            where dimension = :dimension and period_grain = :grain
                and period_ends_on <= (select max(period_ends_on) from marts.nps_current where period_grain = 'rolling_90_days')
        ) as ranked
        where recency <= :count
        order by dimension_value, programme, metric, period_starts_on
    """
    found: dict[tuple[str, str, str], list[Period]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"dimension": dimension or DIMENSIONS[kind], "grain": grain, "count": count}):
        day = row.period_starts_on
        label = {"week": f"{day.day} {day:%b}", "month": f"{day:%b %Y}", "quarter": f"{day.year} Q{(day.month + 2) // 3}"}[grain]
        found[row.dimension_value, row.programme, row.metric].append(Period(label, _score(row), bool(row.is_method_break)))
    return found
