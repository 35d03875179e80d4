"""What came of each initiative that is done, by the measure that was registered for it: schema `analysis`.

Before is the year that ends four weeks before the start: a bad month may be why it was started, and a month that follows a bad one is
better whatever anybody does. After begins when it is done and ends with the day before the as-of day, or a year later. What lies
between is neither.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.initiatives.effect import USABLE, Finding, find
from shopkeeper.company.config import Company
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.initiative_tables import INITIATIVE_EFFECTS

YEAR, GUARD, SHORTEST = timedelta(days=365), timedelta(days=28), timedelta(days=28)
NOT_DONE = "not done yet"
NO_MEASURE = "no measure was registered"
TOO_LATE = "the measure was registered after the start"
TOO_SOON = "done for less than four weeks"
UNIT_KINDS = ("team_id", "branch_id", "org_region_id")

_INITIATIVES = """
    select initiative_id, state, started_on, done_on, is_registered_before_start, measure, measure_programme, measure_dimension,
        measure_value, measure_units
    from intermediate.int_initiatives__told
    order by initiative_id
"""
# Of a programme with several metrics the one that most answers have.
_COUNTS = """
    with counted as (
        select metric, team_id, branch_id, org_region_id,
            case when counted_on >= :after_from then 2 when counted_on >= :middle then 1 else 0 end as place,
            sum(responses) as responses, sum(detractors) as detractors, sum(passives) as passives, sum(promoters) as promoters
        from marts_next.nps_daily_counts
        where programme = :programme and ({column} = :value)
            and (counted_on between :before_from and :before_to or counted_on between :after_from and :after_to)
        group by metric, team_id, branch_id, org_region_id, place
    )
    select * from counted
    where metric = (select metric from counted group by metric order by sum(responses) desc, metric limit 1)
    order by team_id, branch_id, org_region_id, place
"""


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `initiative_effects`, a row for each initiative; returns how many there are, and of how many an effect may be published."""
    today: date = connection.scalar(sa.text("select as_of_on from ops.current_build"))
    found = connection.execute(sa.text(_INITIATIVES)).all()
    rows = [{"initiative_id": one.initiative_id, **_judged(connection, one, found, company.minimum_n.hidden_below, today)} for one in found]
    columns.forget_other_builds(connection, INITIATIVE_EFFECTS, build_id)
    columns.write(connection, INITIATIVE_EFFECTS, build_id, told(INITIATIVE_EFFECTS, rows))
    return {"initiatives": len(rows), "usable": sum(row["verdict"] == USABLE for row in rows)}


def _judged(connection: sa.Connection, one: Any, others: Any, fewest: int, today: date) -> dict[str, Any]:
    if one.measure is None:
        return _row(Finding(NO_MEASURE, 0, 0))
    if one.started_on is None or one.done_on is None:
        return _row(Finding(NOT_DONE, 0, 0))
    if not one.is_registered_before_start:
        return _row(Finding(TOO_LATE, 0, 0))
    before_to = one.started_on - GUARD - timedelta(days=1)
    before_from, after_to = before_to - YEAR + timedelta(days=1), min(today - timedelta(days=1), one.done_on + YEAR - timedelta(days=1))
    if after_to - one.done_on < SHORTEST - timedelta(days=1):
        return _row(Finding(TOO_SOON, 0, 0))
    windows = {
        "before_from": before_from,
        "middle": before_from + YEAR / 2,
        "before_to": before_to,
        "after_from": one.done_on,
        "after_to": after_to,
    }
    counts = _counted(connection, one, windows)
    treated = set(one.measure_units.split())
    units = [unit for unit in sorted(counts) if unit in treated or unit not in _changed_too(one, others, before_from, after_to)]
    bands = np.array([counts[unit] for unit in units], int).reshape(len(units), 3, 3)
    seed = stable_id("initiative", one.initiative_id).int % 2**32
    finding = find(bands, np.array([unit in treated for unit in units], bool), measure=one.measure, fewest=fewest, seed=seed)
    return _row(finding, before_from, before_to, one.done_on, after_to) | {"responses": int(bands.sum())}


def _counted(connection: sa.Connection, one: Any, windows: dict[str, date]) -> dict[str, list[list[int]]]:
    """Unit → window → bands, of units of the kind to which most of those belong where it was done."""
    everybody = one.measure_dimension == "all"
    column = "'all'" if everybody else _column(one.measure_dimension)
    given = {"programme": one.measure_programme, "value": one.measure_value, **windows}
    rows = connection.execute(sa.text(_COUNTS.format(column=column)), given).all()
    treated = set(one.measure_units.split())
    kind = max(UNIT_KINDS, key=lambda name: len({getattr(row, name) for row in rows} & treated))
    counts: dict[str, list[list[int]]] = defaultdict(lambda: [[0] * 3 for _ in range(3)])
    for row in rows:
        if unit := getattr(row, kind):
            for band, number in enumerate((row.detractors, row.passives, row.promoters)):
                counts[unit][row.place][band] += number
    return counts


def _column(dimension: str) -> str:
    """The column of nps_daily_counts that a dimension of nps_by_segment is."""
    named = {"product": "product_id", "team": "team_id", "branch": "branch_id", "org_region": "org_region_id", "company": "company_id"}
    column = named.get(dimension, dimension)
    if not column.isidentifier():
        raise ValueError(f"no dimension: {dimension!r}")
    return column


def _changed_too(one: Any, others: Any, since: date, until: date) -> set[str]:
    """Units where another initiative began meanwhile: they are no longer what they were."""
    meanwhile = (
        other
        for other in others
        if other.initiative_id != one.initiative_id and other.measure_units and other.started_on and since <= other.started_on <= until
    )
    return {unit for other in meanwhile for unit in other.measure_units.split()}


def _row(finding: Finding, *windows: date) -> dict[str, Any]:
    names = ("before_starts_on", "before_ends_on", "after_starts_on", "after_ends_on")
    return {
        **dict(zip(names, windows or (None,) * 4, strict=True)),
        "treated_units": finding.treated,
        "comparable_units": finding.comparable,
        "responses": 0,
        "effect": finding.effect,
        "effect_low": finding.low,
        "effect_high": finding.high,
        "placebo_p": finding.placebo_p,
        "trend_p": finding.trend_p,
        "verdict": finding.verdict,
    }
