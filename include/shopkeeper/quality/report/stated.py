"""A provider's own figures beside ours: what it states, what its answers that we hold give by its way of counting, and our score."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.scoring import scored
from shopkeeper.quality.report.tracing import traced

# A provider counts every scored answer that it collected; ours is the published cell of the same period.
STATED = """
select
    stated.provider, stated.programme, stated.metric, stated.period_grain, stated.period_starts_on, stated.period_ends_on,
    stated.score as stated_score, stated.answers as stated_answers, stated.digits,
    count(responses.response_id) as responses,
    count(*) filter (where responses.band = 'promoter') as promoters,
    count(*) filter (where responses.band = 'passive') as passives,
    count(*) filter (where responses.band = 'detractor') as detractors,
    count(*) filter (where responses.excluded_reason is not null) as excluded,
    max(ours.responses) as our_responses, max(ours.nps) as our_nps, max(ours.nps_low) as our_low, max(ours.nps_high) as our_high,
    coalesce(bool_or(ours.is_method_break), false) as is_method_break
from quality.stated_scores as stated
left join nps_by_segment as ours
    on
        stated.programme = ours.programme
        and stated.metric = ours.metric
        and stated.period_grain = ours.period_grain
        and stated.period_starts_on = ours.period_starts_on
        and ours.dimension = 'all'
left join fct_survey_responses as responses
    on
        stated.provider = responses.provider
        and stated.programme = responses.programme
        and stated.metric = responses.metric
        and responses.band is not null
        and responses.responded_on between stated.period_starts_on and stated.period_ends_on
where stated.build_id = :build_id
group by
    stated.provider, stated.programme, stated.metric, stated.period_grain, stated.period_starts_on, stated.period_ends_on, stated.score,
    stated.answers, stated.digits
order by stated.metric <> 'nps', stated.programme, stated.metric, stated.period_starts_on desc, stated.period_grain, stated.provider
"""

COLUMNS = (
    Column("period_starts_on", "From", "day"),
    Column("period_grain", "Period", "code"),
    Column("provider", "Stated by"),
    Column("stated_score", "Stated", "points"),
    Column("stated_answers", "answers", "count"),
    Column("score", "Recounted", "points"),
    Column("responses", "answers", "count"),
    Column("reading", "How they go together", "words"),
    Column("our_nps", "This report", "points"),
    Column("our_low", "Low", "points"),
    Column("our_high", "High", "points"),
    Column("our_responses", "answers", "count"),
    Column("is_method_break", "Method changed", "flag"),
)
NOTE = (
    "Stated: what the company has written down from the provider's page (stated_scores in company.yml). Recounted: the same period from the"
    " provider's answers that are here, each one counted. This report: its own score, over all providers and by its own rules."
)


def sections(connection: sa.Connection, build_id: int, hidden_below: int) -> list[Section]:
    """One per programme and metric of which a provider states anything; none where nothing is stated."""
    found = [_read(row, hidden_below) for row in rows(connection, STATED, build_id=build_id)]
    made = []
    for (programme, metric), stated in by(found, "programme", "metric").items():
        agree = sum(row["agrees"] for row in stated)
        text = f"{agree} of {len(stated)} stated scores follow from the answers that are here; of the others the table says why not."
        table = Table(f"stated_{programme}_{metric}", "Stated, recounted, and published here", COLUMNS, stated, shown=24, note=NOTE)
        title = f"{spoken(programme)}, {metric_name(metric)}: what providers state"
        pictured = tuple(picture for picture in (_beside(programme, metric, stated),) if picture)
        made.append(Section(f"{programme}-{metric}-stated", title, text, pictured, (table,), programme=programme))
    return made


def _read(row: Row, hidden_below: int) -> Row:
    """The row with its recount, in words how the figures go together, and the trace of ours where it was published."""
    counted = scored(row, hidden_below)
    cell = {"dimension": "all", "dimension_value": "all"} | row
    agrees, words = reading(row | {"score": counted["score"]})
    trace = traced("nps_by_segment", cell) if row["our_responses"] is not None else None
    return row | {"score": counted["score"], "reading": words, "agrees": agrees, "trace": trace}


def reading(row: Row) -> tuple[bool, str]:
    """Whether a stated score follows from the answers that are here, and in words what is between the two.

    A page rounds: half a unit of its last digit is no difference. Row: stated_score, digits, stated_answers, score, responses, excluded.
    """
    stated, here = row["stated_answers"], row["responses"]
    if not here:
        return False, "none of its answers is here"
    if stated is not None and stated != here:
        what = f"{stated - here:,} of its answers are not here" if stated > here else f"{here - stated:,} answers here it does not count"
        return False, what
    if row["score"] is None:
        return False, "too few answers to show a score"
    gap = float(row["stated_score"]) - float(row["score"])
    if abs(gap) > 0.5 * 10 ** -row["digits"] + 1e-9:
        return False, f"{written(gap, 'change')} points: counted in another way there"
    excluded = f"; {row['excluded']:,} of them are excluded here" if row["excluded"] else ""
    return True, f"follows from its answers{excluded}"


def _beside(programme: str, metric: str, stated: list[Row]) -> Picture | None:
    """What was stated by month beside our score, with the break where the way of asking changed; none for fewer than two months."""
    months = [row for row in reversed(stated) if row["period_grain"] == "month"]
    if len({row["period_starts_on"] for row in months}) < 2:
        return None
    ours: dict[Any, Row] = {}
    drawn = []
    for row in months:
        day = {"day": row["period_starts_on"], "reporting": "reportable", "is_break": row["is_method_break"]}
        drawn.append(day | {"series": f"{row['provider']}, as stated", **dict.fromkeys(("score", "low", "high"), row["stated_score"])})
        ours[row["period_starts_on"]] = day | {
            "series": "this report",
            "score": row["our_nps"],
            "low": row["our_low"],
            "high": row["our_high"],
        }
    last = months[-1]
    told = (
        f"{len(months)} months; in {last['period_starts_on']:%b %Y} {last['provider']} states {written(last['stated_score'], 'points')},"
        f" this report says {written(last['our_nps'], 'points')}"
    )
    return pictures.over_time([*drawn, *ours.values()], f"{spoken(programme)}: {metric_name(metric)}, stated and published", told)
