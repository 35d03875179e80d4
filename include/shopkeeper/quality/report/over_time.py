"""What changed: control charts of shares and scores, and what a change is made of."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import with_trace

CHARTS = "select * from control_charts order by metric <> 'nps', programme, metric, period_grain, chart, period_starts_on"

CHANGES = """
select *
from score_changes
where part = 'total'
order by metric <> 'nps', programme, metric, period_starts_on desc, period_grain, dimension
"""

PARTS = """
select *, rate_part + mix_part as contribution
from score_changes
where part <> 'total' and rate_part is not null
order by metric <> 'nps', programme, metric, period_starts_on desc, period_grain, dimension, part desc, dimension_value
"""

SCORES = """
select *
from nps_by_segment
where dimension = 'all' and period_grain = 'month'
order by metric <> 'nps', programme, metric, period_starts_on
"""

TITLES = {
    "promoter_share": "share of promoters, %",
    "detractor_share": "share of detractors, %",
    "nps": "score, by its own limits",
    "nps_xmr": "score, by its moving range",
}
# What a chart is about, in a sentence.
CHARTED = {"promoter_share": "promoters", "detractor_share": "detractors", "nps": "score", "nps_xmr": "score"}
MOST = 12  # contributions on one picture
FEWEST = 3  # points of a chart

SCORE_COLUMNS = (
    Column("period_starts_on", "Month", "day"),
    Column("responses", "Answers", "count"),
    Column("nps", "Score", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("nps_weighted", "Weighted", "points"),
    Column("change", "Change", "change"),
    Column("change_is_significant", "More than chance", "flag"),
    Column("reporting", "Reporting", "code"),
    Column("is_method_break", "Method changed", "flag"),
)
SIGNAL_COLUMNS = (
    Column("period_starts_on", "From", "day"),
    Column("period_grain", "Grain", "code"),
    Column("chart", "Chart", "code"),
    Column("n", "Answers", "count"),
    Column("value", "Value", "points"),
    Column("centre", "Centre", "points"),
    Column("low", "Low", "points"),
    Column("high", "High", "points"),
    Column("signals", "Signals", "words"),
)
CHANGE_COLUMNS = (
    Column("period_starts_on", "Period from", "day"),
    Column("period_grain", "Grain", "code"),
    Column("dimension", "Dimension", "code"),
    Column("change", "Change", "change"),
    Column("rate_part", "By what they say", "change"),
    Column("mix_part", "By who answers", "change"),
    Column("z", "z", "number"),
    Column("p", "p", "p"),
    Column("is_significant", "More than chance", "flag"),
)
PART_COLUMNS = (
    *CHANGE_COLUMNS[:3],
    Column("value", "Value"),
    *CHANGE_COLUMNS[4:6],
    Column("contribution", "Together", "change"),
)


def page(connection: sa.Connection, names: Names) -> Page:
    charts, changes, parts = (by(rows(connection, query), "programme", "metric") for query in (CHARTS, CHANGES, PARTS))
    sections = []
    for (programme, metric), scores in by(rows(connection, SCORES), "programme", "metric").items():
        key = (programme, metric)
        charted, made_of = charts.get(key, []), _named(parts.get(key, []), names)
        drawn = (_score(programme, metric, scores), *_charts(programme, charted), _contributions(programme, made_of))
        suffix = "_".join(key)
        signals = [row for row in reversed(charted) if row["signals"]]
        tables = (
            Table(f"scores_by_month_{suffix}", "Scores by month", SCORE_COLUMNS, with_trace("nps_by_segment", scores[::-1]), shown=12),
            Table(f"signals_{suffix}", "Signals of the control charts", SIGNAL_COLUMNS, with_trace("control_charts", signals), shown=10),
            Table(
                f"changes_{suffix}",
                "Changes, and how much of each comes of what customers say, or of other customers answering",
                CHANGE_COLUMNS,
                with_trace("score_changes", changes.get(key, [])),
                shown=14,
            ),
            Table(
                f"contributions_{suffix}",
                "What each value added to a change",
                PART_COLUMNS,
                with_trace("score_changes", made_of),
                shown=14,
            ),
        )
        pictured = tuple(picture for picture in drawn if picture)
        title = f"{spoken(programme)}, {metric_name(metric)}"
        sections.append(Section("-".join(key), title, _told(charted), pictured, tables, programme=programme))
    return Page(
        "over-time",
        "Over time",
        "What changed, and is it more than chance?",
        "Between its limits a chart shows what chance and the usual ups and downs bring. Ask for a cause where it signals, nowhere else."
        if sections
        else "No dated answers: nothing can be said over time.",
        tuple(sections),
    )


def _named(found: list[Row], names: Names) -> list[Row]:
    return [row | {"value": names.get((row["dimension"], row["dimension_value"]), row["dimension_value"])} for row in found]


def _told(charts: list[Row]) -> str:
    signals = [row for row in charts if row["signals"]]
    if not any(row["centre"] is not None for row in charts):
        return "Too few periods for control limits."
    if not signals:
        return "No chart signals anything: what moved is what usually moves."
    newest = max(signals, key=lambda row: (row["period_starts_on"], row["chart"]))
    when = f"{newest['period_grain']} of {newest['period_starts_on']}"
    return f"{len(signals)} signals; the newest in the {when}: {CHARTED[newest['chart']]}, {newest['signals']}."


def _score(programme: str, metric: str, found: list[Row]) -> Picture | None:
    known = [row for row in found if row["nps"] is not None]
    if len(known) < 2:
        return None
    drawn = [
        {
            "day": row["period_starts_on"],
            "series": "as answered",
            "score": row["nps"],
            "low": row["nps_low"],
            "high": row["nps_high"],
            "reporting": row["reporting"],
            "is_break": row["is_method_break"],
        }
        for row in found
    ]
    ends = " to ".join(f"{written(row['nps'], 'points')} in {row['period_starts_on']:%b %Y}" for row in (known[0], known[-1]))
    return pictures.over_time(drawn, f"{spoken(programme)}: {metric_name(metric)} by month", f"{len(known)} months, from {ends}")


def _charts(programme: str, found: list[Row]) -> list[Picture]:
    """Charts by month, and those by week that signal something."""
    drawn = []
    for (grain, chart), of_chart in by(found, "period_grain", "chart").items():
        known = [row | {"day": row["period_starts_on"]} for row in of_chart if row["value"] is not None and row["centre"] is not None]
        signals = [row for row in known if row["signals"]]
        if len(known) < FEWEST or (grain == "week" and not signals):
            continue
        told = f"{len(known)} periods, {len(signals)} with a signal"
        if signals:
            told += f", the newest on {signals[-1]['day']}: {signals[-1]['signals']}"
        drawn.append(pictures.control(known, f"{spoken(programme)}: {TITLES[chart]}, by {grain}", told))
    return drawn


def _contributions(programme: str, found: list[Row]) -> Picture | None:
    """Contributions to the change over the last 90 days by the first dimension that has them, the largest first."""
    newest = next((row for row in found if row["period_grain"] == "rolling_90_days"), None)
    if newest is None:
        return None
    same = [row for row in found if (row["period_grain"], row["dimension"]) == ("rolling_90_days", newest["dimension"])]
    largest = sorted(same, key=lambda row: -abs(row["contribution"]))[:MOST]
    drawn = [{"label": row["value"], "value": row["contribution"]} for row in largest]
    told = "; ".join(f"{row['value']} {written(row['contribution'], 'change')}" for row in largest)
    title = f"{spoken(programme)}: what each {spoken(newest['dimension'])} added to the change over 90 days, points"
    return pictures.bars(drawn, title, told, "change")
