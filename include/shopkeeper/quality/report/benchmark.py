"""What panels say of us and of others. Own surveys are never blended in."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table, by, first, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import with_trace

# The newest finished period of each grain first; months are in the mart and say too little here.
SCORES = """
select *
from benchmark_nps
where period_grain in ('quarter', 'year')
order by panel, period_starts_on desc, period_grain, coalesce(nps_weighted, nps) desc nulls last, competitor
"""

COLUMNS = (
    Column("competitor", "Company"),
    Column("period_grain", "Period", "code"),
    Column("period_starts_on", "From", "day"),
    Column("responses", "Answers", "count"),
    Column("nps_weighted", "Weighted", "points"),
    Column("nps_weighted_low", "Low", "points"),
    Column("nps_weighted_high", "High", "points"),
    Column("n_effective_weighted", "Effective n", "count"),
    Column("nps", "As answered", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("gap", "We are ahead by", "change"),
    Column("gap_low", "Low", "change"),
    Column("gap_high", "High", "change"),
    Column("reporting", "Reporting", "code"),
)
QUARTERS = 8


def page(connection: sa.Connection, as_of_on: object) -> Page | None:
    if not has_rows(connection, "benchmark_nps"):
        return None
    found = by(rows(connection, SCORES), "panel")
    return Page(
        "benchmark",
        "Others and us",
        "Where do we stand among others?",
        "A panel asks about each company and does not say who wants to know. Our own surveys are not in it, so these scores are compared"
        " with each other and with none of the other pages. An interval of a gap that holds 0 says that nobody knows who is ahead.",
        tuple(_panel(panel, scores, as_of_on) for (panel,), scores in found.items()),
    )


def _panel(panel: str, found: list[Row], as_of_on: object) -> Section:
    over = [row for row in found if row["period_grain"] == "quarter" and row["period_ends_on"] < as_of_on]
    newest = [row for row in over if row["period_starts_on"] == over[0]["period_starts_on"]]
    drawn = (_scores(newest), _gaps(newest), _over_time(over)) if newest else ()
    name = "".join(letter if letter.isalnum() else "_" for letter in panel.lower())
    table = Table(f"benchmark_{name}", "By quarter and year", COLUMNS, with_trace("benchmark_nps", found), shown=16)
    return Section(f"panel-{name}", panel, _told(newest), tuple(one for one in drawn if one), (table,))


def _told(newest: list[Row]) -> str:
    if not newest:
        return "No quarter is over yet."
    told = []
    for row in newest:
        if row["gap"] is not None:
            low, high = (written(row[name], "change") for name in ("gap_low", "gap_high"))
            how = (
                "ahead of"
                if row["gap_low"] > 0
                else "behind"
                if row["gap_high"] < 0
                else "neither ahead of nor behind, as far as is known,"
            )
            told.append(f"{how} {row['competitor']} ({low} to {high})")
    when = f"{newest[0]['period_starts_on']} to {newest[0]['period_ends_on']}"
    return f"{when}: we are {'; '.join(told)}." if told else f"{when}: the panel did not ask about us, or too few answered."


def _scores(newest: list[Row]) -> Picture | None:
    drawn = [
        {
            "label": f"{row['competitor']}{' (us)' if row['is_own'] else ''}",
            "score": first(row, "nps_weighted", "nps"),
            "low": first(row, "nps_weighted_low", "nps_low"),
            "high": first(row, "nps_weighted_high", "nps_high"),
            "beside": row["nps"] if row["nps_weighted"] is not None else None,
        }
        for row in newest
        if row["nps"] is not None
    ]
    if not drawn:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn)
    return pictures.side_by_side(drawn, "The newest quarter, with the panel's weights (without: square)", told)


def _gaps(newest: list[Row]) -> Picture | None:
    drawn = [
        {"label": row["competitor"], "score": row["gap"], "low": row["gap_low"], "high": row["gap_high"]}
        for row in newest
        if row["gap"] is not None
    ]
    if not drawn:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'change')}" for row in drawn)
    return pictures.side_by_side(drawn, "How far we are ahead, points", told, 0)


def _over_time(over: list[Row]) -> Picture | None:
    """We and up to three others, those with most answers."""
    answers: dict[str, int] = {}
    for row in over:
        answers[row["competitor"]] = answers.get(row["competitor"], 0) + row["responses"]
    own = {row["competitor"] for row in over if row["is_own"]}
    chosen = sorted(answers, key=lambda name: (name not in own, -answers[name], name))[:4]
    quarters = sorted({row["period_starts_on"] for row in over})[-QUARTERS:]
    drawn = [
        {
            "day": row["period_starts_on"],
            "series": name,
            "score": first(row, "nps_weighted", "nps"),
            "low": first(row, "nps_weighted_low", "nps_low"),
            "high": first(row, "nps_weighted_high", "nps_high"),
            "reporting": row["reporting"],
            "is_break": False,
        }
        for name in chosen
        for row in reversed(over)
        if row["competitor"] == name and row["period_starts_on"] in quarters
    ]
    if len(quarters) < 3:
        return None
    return pictures.over_time(drawn, "By quarter", f"{len(quarters)} quarters of {', '.join(chosen)}")
