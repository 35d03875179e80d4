"""Between units: which differ by more than chance, and what is believed of each given all of them. And the score by segment."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced, with_trace

UNITS = """
select *
from unit_comparisons
where period_grain = 'rolling_90_days'
order by metric <> 'nps', programme, metric, dimension, nps_shrunk desc nulls last, nps desc nulls last, dimension_value
"""

# The score over all, which segments are held against.
REFERENCE = "select programme, metric, nps from nps_current where dimension = 'all'"

# Bands keep their own order, everything else goes by its score.
SEGMENTS = """
select scores.*, bands.position
from nps_current as scores
left join quality.bands
    on scores.dimension = bands.kind || '_band' and scores.dimension_value = bands.name
where scores.dimension not in ('all', 'team', 'branch', 'org_region', 'company')
order by
    scores.metric <> 'nps',
    scores.programme,
    scores.metric,
    scores.dimension,
    bands.position,
    scores.nps desc nulls last,
    scores.dimension_value
"""

KINDS = {"org_region": ("Region", "regions"), "branch": ("Branch", "branches"), "team": ("Team", "teams")}
MOST = 24  # units or values on one picture

UNIT_COLUMNS = (
    Column("n", "Answers", "count"),
    Column("nps", "Score", "points"),
    Column("funnel_low_95", "Funnel low", "points"),
    Column("funnel_high_95", "Funnel high", "points"),
    Column("outside", "Outside"),
    Column("nps_shrunk", "Shrunk", "points"),
    Column("nps_shrunk_low", "Low", "points"),
    Column("nps_shrunk_high", "High", "points"),
    Column("probability_top_quartile", "In the best quarter", "share"),
    Column("prior_strength", "Prior, answers", "number"),
)
SEGMENT_COLUMNS = (
    Column("dimension", "Dimension", "code"),
    Column("label", "Value"),
    Column("responses", "Answers", "count"),
    Column("nps", "Score", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("nps_weighted", "Weighted", "points"),
    Column("response_rate", "Response rate", "share"),
    Column("change", "Change", "change"),
    Column("change_is_significant", "More than chance", "flag"),
    Column("reporting", "Reporting", "code"),
)


def page(connection: sa.Connection, names: Names) -> Page:
    overall = {(row["programme"], row["metric"]): _float(row["nps"]) for row in rows(connection, REFERENCE)}
    compared = [row | {"label": row["unit_name"] or row["dimension_value"]} for row in rows(connection, UNITS)]
    segments = [
        row | {"label": names.get((row["dimension"], row["dimension_value"]), row["dimension_value"])} for row in rows(connection, SEGMENTS)
    ]
    sections = [
        _units(programme, metric, dimension, found)
        for (programme, metric, dimension), found in by(compared, "programme", "metric", "dimension").items()
    ]
    sections += [
        _segments(programme, metric, found, overall.get((programme, metric)))
        for (programme, metric), found in by(segments, "programme", "metric").items()
    ]
    return Page(
        "units",
        "Units",
        "Which units and segments differ by more than chance?",
        "Nobody is ranked. A unit outside the funnel differs from the others by more than its number of answers explains: of twenty units"
        " one is outside the inner limits by chance, of five hundred one outside the outer. The shrunk score is what is believed of a unit"
        " given all units, and beside it stands how likely it belongs to the best quarter."
        if sections
        else "No answer can be placed in a unit or segment: no interactions and no customers are mapped.",
        tuple(sections),
    )


def _units(programme: str, metric: str, dimension: str, found: list[Row]) -> Section:
    kind, kinds = KINDS[dimension]
    shown = [row for row in found if row["nps"] is not None]
    outside = [row for row in shown if row["outside"]]
    told = "none is outside the funnel" if not outside else "; ".join(f"{row['label']} {row['outside']}" for row in outside[:6])
    title = f"{spoken(programme)}: {metric_name(metric)} of {kinds}"
    drawn = (_funnel(shown, title, kinds), _shrunk(shown, title))
    table = Table(
        f"units_{programme}_{metric}_{dimension}",
        f"{kinds.capitalize()}, by shrunk score",
        (Column("label", kind), *UNIT_COLUMNS),
        with_trace("unit_comparisons", found),
    )
    text = f"{len(found)} {kinds}, {len(shown)} with enough answers to show; {told}."
    pictured = tuple(picture for picture in drawn if picture)
    return Section(f"{programme}-{metric}-{dimension}", f"{spoken(programme)}: {kinds}", text, pictured, (table,), programme=programme)


def _funnel(shown: list[Row], title: str, kinds: str) -> Picture | None:
    if len(shown) < 3:
        return None
    far = sum("99.8" in (row["outside"] or "") for row in shown)
    told = f"{len(shown)} {kinds}, {sum(bool(row['outside']) for row in shown)} outside the 95 % limits, {far} outside 99.8 %"
    return pictures.funnel(shown, f"{title}, by number of answers", told, float(shown[0]["nps_of_all_units"]))


def _shrunk(shown: list[Row], title: str) -> Picture | None:
    believed = [row for row in shown if row["nps_shrunk"] is not None][:MOST]
    if not believed:
        return None
    drawn = [
        {
            "label": row["label"],
            "score": row["nps_shrunk"],
            "low": row["nps_shrunk_low"],
            "high": row["nps_shrunk_high"],
            "beside": row["nps"],
        }
        for row in believed
    ]
    told = " to ".join(f"{row['label']} {written(row['nps_shrunk'], 'points')}" for row in (believed[0], believed[-1]))
    reference = float(believed[0]["nps_of_all_units"])
    return pictures.side_by_side(drawn, f"{title}: shrunk (dot), and as answered (square)", told, reference)


def _segments(programme: str, metric: str, found: list[Row], overall: float | None) -> Section:
    drawn = [_dimension(programme, metric, key[0], group, overall) for key, group in by(found, "dimension").items()]
    table = Table(
        f"segments_{programme}_{metric}",
        "By every dimension, the last 90 days",
        SEGMENT_COLUMNS,
        [row | {"dimension": spoken(row["dimension"]), "trace": traced("nps_current", row)} for row in found],
        note="Where fewer have answered than the company allows, the score is hidden and the number of answers stands.",
    )
    text = "The dashed line is the score over all. Intervals that overlap are no ranking."
    pictured = tuple(picture for picture in drawn if picture)
    return Section(
        f"{programme}-{metric}-segments",
        f"{spoken(programme)}, {metric_name(metric)}: segments",
        text,
        pictured,
        (table,),
        programme=programme,
    )


def _dimension(programme: str, metric: str, dimension: str, found: list[Row], overall: float | None) -> Picture | None:
    """The values of one dimension, the largest where they are many; one alone says what the score over all says."""
    shown = [row for row in found if row["nps"] is not None]
    largest = sorted(shown, key=lambda row: -row["responses"])[:MOST]
    drawn = [
        {"label": row["label"], "score": row["nps"], "low": row["nps_low"], "high": row["nps_high"], "beside": row["nps_weighted"]}
        for row in shown
        if row in largest
    ]
    if len(drawn) < 2:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn)
    weighted = " (weighted: square)" if any(row["beside"] is not None for row in drawn) else ""
    title = f"{spoken(programme)}: {metric_name(metric)} by {spoken(dimension)}{weighted}"
    return pictures.side_by_side(drawn, title, told, overall)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
