"""The first page: what is the score, can I trust it, what changed; for every programme, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.report import drawing, pictures
from shopkeeper.quality.report.layout import Column, Names, Picture, Row, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.over_time import CHARTED
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced

VERDICTS = {"sound": ("sound", "✓"), "usable with care": ("care", "!"), "not to be published": ("bad", "✕")}
SHOWN_REASONS = 3

HEADLINES = """
select
    scores.*,
    reliability.verdict,
    reliability.reasons,
    reliability.phone_nps,
    reliability.phone_nps_low,
    reliability.phone_nps_high,
    bands.nps_low_end_low,
    bands.nps_high_end_high
from nps_current as scores
left join metric_reliability as reliability
    on
        scores.programme = reliability.programme
        and scores.metric = reliability.metric
        and scores.period_grain = reliability.period_grain
        and scores.period_starts_on = reliability.period_starts_on
        and scores.period_ends_on = reliability.period_ends_on
left join sensitivity_bands as bands
    on scores.programme = bands.programme and scores.metric = bands.metric
where scores.dimension = 'all'
order by scores.metric <> 'nps', scores.responses desc, scores.programme
"""

TREND = """
select programme, metric, period_starts_on as day, nps as score, nps_low as low, nps_high as high, reporting, is_method_break as is_break
from nps_by_segment
where dimension = 'all' and period_grain = 'month'
order by programme, metric, period_starts_on
"""

# Signals of the newest two periods of each chart: older ones have been seen.
SIGNALS = """
select programme, metric, chart, period_grain, period_starts_on, signals
from (
    select *, dense_rank() over (partition by programme, metric, period_grain order by period_starts_on desc) as place
    from control_charts
) as placed
where place <= 2 and signals is not null
order by period_starts_on desc, period_grain, chart
"""

# What the change of the score is made of: the total by segment, or by whatever else there is, and the value that moved it most.
PARTS = """
select programme, metric, dimension, dimension_value, part, rate_part, mix_part
from (
    select
        *,
        row_number() over (
            partition by programme, metric, part
            order by
                case dimension when 'segment' then 1 when 'interaction_type' then 2 when 'org_region' then 3 else 4 end,
                abs(rate_part + mix_part) desc,
                dimension,
                dimension_value
        ) as place
    from score_changes
    where
        period_grain = 'rolling_90_days'
        and rate_part is not null
        and part in ('total', 'value')
        and dimension <> 'all'
) as placed
where place = 1
order by programme, metric, part
"""

# What this publication was made with, beside the one before.
MADE_WITH = """
select publication_id, as_of, config_hash, git_commit
from quality.publications
where publication_id <= :publication_id
order by publication_id desc
limit 2
"""


@dataclass(frozen=True)
class Programme:
    """One row of the first page. `reasons` are the gravest; `more` is how many others there are."""

    row: Row
    title: str
    window: str
    verdict: str
    css: str
    sign: str
    reasons: tuple[str, ...]
    more: int
    changes: tuple[str, ...]
    strip: Picture | None
    trend: str
    trace: str

    @property
    def metric(self) -> str:
        return metric_name(self.row["metric"])


def programmes(connection: sa.Connection, names: Names) -> list[Programme]:
    """Every programme and metric that has a current score, the one with most answers first."""
    trends = by(rows(connection, TREND), "programme", "metric")
    signals = by(rows(connection, SIGNALS), "programme", "metric")
    moved = by(rows(connection, PARTS), "programme", "metric")
    found = []
    for row in rows(connection, HEADLINES):
        key = row["programme"], row["metric"]
        css, sign = VERDICTS.get(row["verdict"], ("care", "!"))
        reasons = [reason for reason in (row["reasons"] or "").split("; ") if reason]
        found.append(
            Programme(
                row=row,
                title=spoken(row["programme"]),
                window=_window(row),
                verdict=row["verdict"] or "not judged",
                css=css,
                sign=sign,
                reasons=tuple(reasons[:SHOWN_REASONS]),
                more=max(0, len(reasons) - SHOWN_REASONS),
                changes=(*_signals(signals.get(key, [])), *_moved(moved.get(key, []), names)),
                strip=_strip(row),
                trend=_trend(trends.get(key, []), row),
                trace=traced("nps_current", row),
            )
        )
    return found


def in_short(found: list[Programme]) -> str:
    """Which scores are sound and which are not, in a line."""
    verdicts: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for one in found:
        verdicts.setdefault(one.verdict, []).append(one.title if one.metric == "NPS" else f"{one.title} ({one.metric})")
    return " ".join(f"{verdict[:1].upper()}{verdict[1:]}: {', '.join(names)}." for verdict, names in verdicts.items() if names)


def made_with(connection: sa.Connection, publication_id: int | None) -> list[str]:
    """What was changed about the making since the publication before; nothing to say of marts that were never published."""
    if publication_id is None or len(found := rows(connection, MADE_WITH, publication_id=publication_id)) < 2:
        return []
    now, before = found
    names = {"config_hash": "the company's configuration", "git_commit": "the code"}
    changed = [words for name, words in names.items() if now[name] != before[name]]
    if not changed:
        return [f"Made with the same code and configuration as publication {before['publication_id']}."]
    return [f"Since publication {before['publication_id']} {' and '.join(changed)} changed."]


def scores(found: list[Programme]) -> Table:
    """The headlines as a table to download."""
    columns = (
        Column("programme", "Programme", "code"),
        Column("metric", "Metric"),
        Column("period_starts_on", "From", "day"),
        Column("period_ends_on", "To", "day"),
        Column("responses", "Answers", "count"),
        Column("nps", "Score", "points"),
        Column("nps_low", "Low", "points"),
        Column("nps_high", "High", "points"),
        Column("nps_weighted", "Weighted", "points"),
        Column("nps_weighted_low", "Low", "points"),
        Column("nps_weighted_high", "High", "points"),
        Column("response_rate", "Response rate", "share"),
        Column("change", "Change", "change"),
        Column("change_is_significant", "More than chance", "flag"),
        Column("verdict", "Verdict", "code"),
        Column("reasons", "Reasons", "words"),
    )
    return Table("scores", "Scores and verdicts", columns, [one.row | {"trace": one.trace} for one in found])


def _window(row: Row) -> str:
    days = f"{row['period_starts_on']} to {row['period_ends_on']}"
    return f"declared period {days}" if row["period_grain"] == "declared" else f"90 days, {days}"


def _signals(found: list[Row]) -> list[str]:
    """Each chart once: what its newest signal says."""
    newest: dict[str, Row] = {}
    for row in found:
        newest.setdefault(row["chart"], row)
    told = [
        f"{CHARTED[chart]} in the {row['period_grain']} of {row['period_starts_on']}: {row['signals']}" for chart, row in newest.items()
    ]
    return told[:1]


def _moved(found: list[Row], names: Names) -> list[str]:
    told = []
    for row in found:
        what = spoken(row["dimension"])
        if row["part"] == "total":
            told.append(
                f"{written(row['rate_part'], 'change')} by what they say, {written(row['mix_part'], 'change')} by who answers ({what})"
            )
        else:
            value = names.get((row["dimension"], row["dimension_value"]), row["dimension_value"])
            told.append(f"moved most by {what} {value}: {written(row['rate_part'] + row['mix_part'], 'change')}")
    return told


def _strip(row: Row) -> Picture | None:
    """The score as answered, weighted, and over what answering could hide: one axis, so that their widths can be compared."""
    lines: list[dict[str, Any]] = [
        {"label": "as answered", "score": row["nps"], "low": row["nps_low"], "high": row["nps_high"], "beside": None},
        {
            "label": "weighted",
            "score": row["nps_weighted"],
            "low": row["nps_weighted_low"],
            "high": row["nps_weighted_high"],
            "beside": None,
        },
        {
            "label": "with calls to the silent",
            "score": row["phone_nps"],
            "low": row["phone_nps_low"],
            "high": row["phone_nps_high"],
            "beside": None,
        },
        {
            "label": "answering by score",
            "score": None,
            "low": row["nps_low_end_low"],
            "high": row["nps_high_end_high"],
            "beside": None,
        },
    ]
    known = [line for line in lines if line["low"] is not None and line["high"] is not None]
    if len(known) < 2:
        return None
    told = "; ".join(f"{line['label']} between {written(line['low'], 'points')} and {written(line['high'], 'points')}" for line in known)
    return pictures.side_by_side(known, f"{spoken(row['programme'])}: how sure the score is", told)


def _trend(trend: list[Row], row: Row) -> str:
    """A small line, as an SVG; empty where there is none."""
    known = [one for one in trend if one["score"] is not None]
    if len(known) < 2:
        return ""
    ends = " to ".join(f"{written(one['score'], 'points')} in {one['day']:%b %Y}" for one in (known[0], known[-1]))
    return drawing.spark(trend, f"{spoken(row['programme'])} over time", f"{metric_name(row['metric'])} by month, {ends}")
