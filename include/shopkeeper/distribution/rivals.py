"""What panels say of us and of others, for those who steer the company."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from shopkeeper.distribution.figures import Score


@dataclass(frozen=True)
class Rival:
    """A company's score in a panel; `gap` is ours less theirs with its interval, in points, where the panel asked about us too."""

    name: str
    score: Score
    gap: tuple[float, float, float] | None


@dataclass(frozen=True)
class Panel:
    """The newest quarter of a panel that is over."""

    name: str
    starts_on: date
    ends_on: date
    rivals: tuple[Rival, ...]


def newest(connection: sa.Connection, day: date) -> list[Panel]:
    """Each panel's newest quarter that is over on `day`, with weighted scores where the panel gives weights."""
    query = """
        select
            panel, competitor, period_starts_on, period_ends_on, responses, reporting, gap, gap_low, gap_high,
            coalesce(nps_weighted, nps) as score,
            case when nps_weighted is null then nps_low else nps_weighted_low end as low,
            case when nps_weighted is null then nps_high else nps_weighted_high end as high
        from (
            select *, dense_rank() over (partition by panel order by period_starts_on desc) as place
            from marts.benchmark_nps
            where period_grain = 'quarter' and period_ends_on < :day
        ) as quarters
        where place = 1
        order by panel, competitor
    """
    found: dict[tuple[str, date, date], list[Rival]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"day": day}):
        score, low, high, *gap = (
            None if value is None else float(value) for value in (row.score, row.low, row.high, row.gap, row.gap_low, row.gap_high)
        )
        measured = Score(row.panel, "nps", row.responses, score, low, high, row.reporting)
        ahead, least, most = gap
        known = None if ahead is None or least is None or most is None else (ahead, least, most)
        found[row.panel, row.period_starts_on, row.period_ends_on].append(Rival(row.competitor, measured, known))
    return [Panel(*key, tuple(rivals)) for key, rivals in found.items()]
