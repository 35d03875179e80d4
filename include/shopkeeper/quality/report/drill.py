"""The score by two things at once: what the time that a claim takes does to it, and any other pair that people ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from shopkeeper.quality.report.layout import Cell, Column, Grid, Names, Page, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.scoring import scored

# Down and across, the claims question first. Each stands in the mart in the order of the alphabet.
PAIRS = (
    ("resolution_band", "interaction_subtype"),
    ("resolution_band", "outcome"),
    ("resolution_band", "interaction_type"),
    ("resolution_band", "product_id"),
    ("resolution_band", "segment"),
    ("resolution_band", "tenure_band"),
    ("resolution_band", "share_of_wallet_band"),
    ("resolution_band", "channel"),
    ("resolution_band", "org_region_id"),
    ("interaction_subtype", "outcome"),
    ("product_id", "interaction_type"),
    ("segment", "product_id"),
    ("segment", "tenure_band"),
    ("segment", "value_band"),
    ("region", "segment"),
    ("org_region_id", "interaction_type"),
)
CALLED = {
    "resolution_band": "time to resolution",
    "interaction_subtype": "kind of interaction",
    "interaction_type": "type of interaction",
    "product_id": "product",
    "org_region_id": "region of the organisation",
    "tenure_band": "tenure",
    "share_of_wallet_band": "share of wallet",
    "value_band": "value",
}
NAMED = {"product_id": "product", "org_region_id": "org_region"}
MOST = 12  # values of one thing on one grid
FEWEST = 2  # values with a score of each
STEPS = (5.0, 15.0, 30.0)  # points away from the score over all, at which the colour deepens

COUNTS = """
select
    programme, metric, dimension, dimension_value, other_dimension, other_value,
    sum(responses)::bigint as responses, sum(promoters)::bigint as promoters, sum(passives)::bigint as passives,
    sum(detractors)::bigint as detractors
from nps_pair_counts
where (dimension, other_dimension) in ({pairs}) and month_starts_on >= :since
group by programme, metric, dimension, dimension_value, other_dimension, other_value
"""

# Over all answers of the same months.
OVERALL = """
select programme, metric, sum(responses)::bigint as responses, sum(promoters)::bigint as promoters, sum(passives)::bigint as passives,
    sum(detractors)::bigint as detractors
from nps_daily_counts
where counted_on >= :since
group by programme, metric
order by metric <> 'nps', sum(responses) desc, programme
"""

BANDS = "select kind || '_band' as dimension, name, position from quality.bands"

COLUMNS = (
    Column("down", "By"),
    Column("value", "Value"),
    Column("across", "And by"),
    Column("other", "Value"),
    Column("responses", "Answers", "count"),
    Column("score", "Score", "points"),
    Column("low", "Low", "points"),
    Column("high", "High", "points"),
    Column("differs", "Over all lies outside", "flag"),
)

LEAD = (
    "Answers since {since}, by two things at once. Colour says how far a field lies from the score over all; ▲ and ▼ say that the score"
    " over all lies outside its interval. Of a hundred fields that do not differ, five bear one by chance; and what differs may do so for"
    " what goes with it: the page Why holds all of it against each other."
)
NOTE = "Fields of fewer answers than the company shows stand without a score. Intervals take answers of one customer for those of many."

QUERY = """-- any two things: the first in the alphabet is dimension
select dimension_value, other_value, sum(responses) as answers,
    round(100.0 * (sum(promoters) - sum(detractors)) / sum(responses), 1) as nps
from marts.nps_pair_counts
where programme = '{programme}' and metric = '{metric}' and dimension = '{one}' and other_dimension = '{other}'
    and month_starts_on >= '{since}'
group by dimension_value, other_value
having sum(responses) >= {hidden_below}
order by 1, 2;

-- three and more, to the day: the same from marts.nps_daily_counts, grouped by its columns

-- down to the answers, their words, the call behind each, and what became of it
select response_id, responded_on, score, {one}, {other}, verbatim, calls.*, follow_ups.*
from marts.fct_survey_responses
left join marts.fct_response_calls as calls using (response_id)
left join marts.fct_response_follow_ups as follow_ups using (response_id)
where programme = '{programme}' and metric = '{metric}' and excluded_reason is null and responded_on >= '{since}'
    and {one} = '…' and {other} = '…'
order by score, responded_on desc;
"""


@dataclass(frozen=True)
class _Cut:
    """What the fields of one programme are held against, and called by."""

    overall: float
    names: Names
    places: Mapping[tuple[str, str], int]
    hidden_below: int


def page(connection: sa.Connection, names: Names, as_of_on: date, hidden_below: int) -> Page | None:
    """Of the last twelve months and the current one."""
    if not has_rows(connection, "nps_pair_counts"):
        return None
    since = as_of_on.replace(year=as_of_on.year - 1, day=1)
    listed = ", ".join(f"('{one}', '{other}')" for one, other in (sorted(pair) for pair in PAIRS))
    counted = by(rows(connection, COUNTS.format(pairs=listed), since=since), "programme", "metric")
    places = {(row["dimension"], row["name"]): row["position"] for row in rows(connection, BANDS)}
    sections = []
    for row in rows(connection, OVERALL, since=since):
        overall = scored(row, hidden_below)["score"]
        if overall is not None:
            found = counted.get((row["programme"], row["metric"]), [])
            sections.append(_section(row, found, _Cut(float(overall), names, places, hidden_below), since))
    shown = tuple(section for section in sections if section.grids)
    return (
        Page("drill", "Drill", "What does time do to the score, for whom, and where?", LEAD.format(since=since), shown) if shown else None
    )


def _section(row: Row, found: list[Row], cut: _Cut, since: date) -> Section:
    programme, metric = row["programme"], row["metric"]
    grids: list[Grid] = []
    listed: list[Row] = []
    asked = PAIRS[0]
    pairs = by(found, "dimension", "other_dimension")
    for down, across in PAIRS:
        counted = pairs.get((min(down, across), max(down, across)), [])
        fields = _fields([_field(one, down, across, cut) for one in counted])
        if fields:
            asked = asked if grids else (down, across)
            grids.append(_grid(fields, cut))
            listed += fields
    listed.sort(key=lambda one: -abs(one["score"] - cut.overall) if one["score"] is not None else 1)
    first, second = sorted(asked)
    query = QUERY.format(programme=programme, metric=metric, one=first, other=second, since=since, hidden_below=cut.hidden_below)
    table = Table(f"drill_{programme}_{metric}", "Every field, the furthest from the score over all first", COLUMNS, listed, 8, NOTE, query)
    title = f"{spoken(programme)}, {metric_name(metric)}"
    text = f"{row['responses']:,} answers, {written(cut.overall, 'points')} over all."
    return Section(f"{programme}-{metric}", title, text, (), (table,), tuple(grids), programme=programme)


def _field(row: Row, down: str, across: str, cut: _Cut) -> Row:
    values: dict[str, str] = {row["dimension"]: row["dimension_value"], row["other_dimension"]: row["other_value"]}
    called = {name: cut.names.get((NAMED.get(name) or name, value), value) for name, value in values.items()}
    field = scored(row, cut.hidden_below)
    return field | {
        "down": _name(down),
        "across": _name(across),
        "value": called[down],
        "other": called[across],
        "differs": None if field["low"] is None else not field["low"] <= cut.overall <= field["high"],
        "places": (cut.places.get((down, values[down]), 0), cut.places.get((across, values[across]), 0)),
    }


def _fields(fields: list[Row]) -> list[Row]:
    """Fields of the most answered values that have a score somewhere, bands in their order, others by name; none where that is no cut."""
    chosen = []
    for number, name in enumerate(("value", "other")):
        answers: dict[tuple[int, str], int] = {}
        for field in fields:
            if field["score"] is not None:
                place = (field["places"][number], field[name])
                answers[place] = answers.get(place, 0) + field["responses"]
        chosen.append([value for _, value in sorted(sorted(answers, key=lambda one: (-answers[one], one))[:MOST])])
    if min(len(values) for values in chosen) < FEWEST:
        return []
    order = [{value: place for place, value in enumerate(values)} for values in chosen]
    kept = [field for field in fields if field["value"] in order[0] and field["other"] in order[1]]
    return sorted(kept, key=lambda field: (order[0][field["value"]], order[1][field["other"]]))


def _grid(fields: list[Row], cut: _Cut) -> Grid:
    down, across = fields[0]["down"], fields[0]["across"]
    columns = {field["other"]: field["places"][1] for field in fields}
    return Grid(
        f"{down} and {across}",
        down,
        across,
        tuple(dict.fromkeys(field["value"] for field in fields)),
        tuple(sorted(columns, key=lambda value: (columns[value], value))),
        {(field["value"], field["other"]): _cell(field, cut.overall) for field in fields},
    )


def _cell(field: Row, overall: float) -> Cell:
    n = f"{field['responses']:,}"
    if field["score"] is None:
        return Cell("–", n)
    gap = float(field["score"]) - overall
    depth = sum(abs(gap) >= step for step in STEPS)
    mark = f"{'below' if gap < 0 else 'above'} the score over all by more than chance" if field["differs"] and depth else ""
    return Cell(
        written(field["score"], "points"),
        f"{written(field['low'], 'points')} to {written(field['high'], 'points')} · {n}",
        depth if gap > 0 else -depth,
        mark,
    )


def _name(dimension: str) -> str:
    return CALLED.get(dimension, spoken(dimension))
