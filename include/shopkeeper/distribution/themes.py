"""What customers write about, and what was done about it, for those who serve them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from shopkeeper.distribution.figures import Score

PER_UNIT = 5  # themes of a unit that are shown


@dataclass(frozen=True)
class Theme:
    """A theme in 90 days: so many per cent of the comments that could have mentioned it, with the interval. `score` is that of who did."""

    name: str
    comments: int
    share: float
    low: float
    high: float
    score: Score
    change: float | None  # points of share against the 90 days before, where that is more than chance


@dataclass(frozen=True)
class News:
    """A theme that is mentioned more than before, in 28 days, and where: `dimension` and its value, or all."""

    name: str
    dimension: str
    value: str
    mentions: int
    comments: int
    share: float
    share_before: float


@dataclass(frozen=True)
class Told:
    """You said, we did: of an initiative that is done. `effect` in points with its interval, where it can be told."""

    initiative_id: str
    title: str
    you_said: str
    we_did: str
    done_on: date
    effect: tuple[float, float, float] | None


def by_value(connection: sa.Connection, programme: str, metric: str, dimension: str) -> dict[str, list[Theme]]:
    """Value of a dimension (`all`, or branches) → its themes of the newest 90 days, the most frequent first."""
    query = """
        select *
        from marts.theme_trends
        where
            programme = :programme and metric = :metric and dimension = :dimension and period_grain = 'rolling_90_days'
            and mentions > 0 and share is not null
            and period_ends_on = (select max(period_ends_on) from marts.theme_trends where period_grain = 'rolling_90_days')
        order by dimension_value, mentions desc, theme
    """
    found: dict[str, list[Theme]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"programme": programme, "metric": metric, "dimension": dimension}):
        score, score_low, score_high = (None if value is None else float(value) for value in (row.nps, row.nps_low, row.nps_high))
        moved = row.change_low is not None and (row.change_low > 0 or row.change_high < 0)
        found[row.dimension_value].append(
            Theme(
                row.theme_name,
                row.comments,
                float(row.share),
                float(row.share_low),
                float(row.share_high),
                Score(programme, metric, row.mentions, score, score_low, score_high, row.reporting),
                float(row.change) if moved else None,
            )
        )
    return found


def emerging(connection: sa.Connection) -> list[News]:
    """What is new, each theme where it stands out most."""
    query = """
        select * from (
            select *, row_number() over (partition by theme order by q_value, share desc, dimension, dimension_value) as place
            from marts.theme_trends where is_emerging
        ) as ranked
        where place = 1 order by q_value, theme
    """
    return [
        News(
            row.theme_name,
            row.dimension,
            row.dimension_value,
            row.mentions,
            row.comments,
            float(row.share or 0),
            float(row.share_before or 0),
        )
        for row in connection.execute(sa.text(query))
    ]


def of_answers(connection: sa.Connection, response_ids: Sequence[str]) -> dict[str, list[str]]:
    """Answer → names of the themes that its words mention; answers that mention none are left out."""
    query = """
        select response_id, theme_name from marts.theme_mentions
        where response_id = any(cast(:ids as uuid[])) order by response_id, theme_name
    """
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"ids": list(response_ids)}):
        found[str(row.response_id)].append(row.theme_name)
    return found


def told(connection: sa.Connection) -> list[Told]:
    """What was done about what customers said, the newest first. Nothing is told before it is done, nor by marts older than initiatives."""
    if connection.scalar(sa.text("select to_regclass('marts.initiative_priorities')")) is None:
        return []
    query = """
        select initiative_id, title, you_said, we_did, done_on, effect, effect_low, effect_high
        from marts.initiative_priorities
        where state in ('done', 'verified') and you_said is not null and we_did is not null
        order by done_on desc, initiative_id
    """
    found = []
    for row in connection.execute(sa.text(query)):
        known = None if row.effect is None else (float(row.effect), float(row.effect_low), float(row.effect_high))
        found.append(Told(row.initiative_id, row.title, row.you_said, row.we_did, row.done_on, known))
    return found
