"""Old provider beside new: the score by who collected it, where the way of asking changed, and what a provider's own page would say."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from shopkeeper.quality.report import pictures, stated
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.scoring import scored
from shopkeeper.quality.report.tracing import traced

# Every answer that counts, by who collected it. Customers' earlier answers of a month are in here: a provider knows no such rule.
MONTHS = """
select provider, programme, metric, cast(date_trunc('month', responded_on) as date) as day,
    count(*) as responses,
    count(*) filter (where band = 'promoter') as promoters,
    count(*) filter (where band = 'passive') as passives,
    count(*) filter (where band = 'detractor') as detractors
from fct_survey_responses
where excluded_reason is null and responded_on is not null
group by provider, programme, metric, date_trunc('month', responded_on)
order by metric <> 'nps', programme, metric, provider, day
"""

BREAKS = """
select programme, metric, period_starts_on, survey_method
from nps_by_segment
where dimension = 'all' and period_grain = 'month' and is_method_break
order by programme, metric, period_starts_on
"""

# Everything with a score on its scale: what a provider shows that knows neither staff, nor duplicates, nor who answered twice.
OWN = """
select responses.provider, responses.programme, responses.metric,
    count(*) as responses,
    count(*) filter (where responses.band = 'promoter') as promoters,
    count(*) filter (where responses.band = 'passive') as passives,
    count(*) filter (where responses.band = 'detractor') as detractors,
    count(*) filter (where responses.excluded_reason is not null) as excluded
from nps_current as scores
inner join fct_survey_responses as responses
    on
        scores.programme = responses.programme
        and scores.metric = responses.metric
        and (
            responses.responded_on between scores.period_starts_on and scores.period_ends_on
            or (responses.period_starts_on = scores.period_starts_on and responses.period_ends_on = scores.period_ends_on)
        )
where scores.dimension = 'all' and responses.band is not null
group by responses.provider, responses.programme, responses.metric
order by responses.metric <> 'nps', responses.programme, responses.metric, responses.provider
"""

OURS = "select * from nps_current where dimension = 'all'"


MONTH_COLUMNS = (
    Column("day", "Month", "day"),
    Column("provider", "Provider"),
    Column("responses", "Answers", "count"),
    Column("score", "Score", "points"),
    Column("low", "Low", "points"),
    Column("high", "High", "points"),
)


def page(connection: sa.Connection, build_id: int, hidden_below: int) -> Page:
    months, breaks, own = (by(rows(connection, query), "programme", "metric") for query in (MONTHS, BREAKS, OWN))
    sections = []
    for row in rows(connection, OURS):
        key = (row["programme"], row["metric"])
        changed = [one["period_starts_on"] for one in breaks.get(key, [])]
        collected = [scored(one, hidden_below) | {"trace": _traced(one)} for one in months.get(key, [])]
        when = ", ".join(f"{day:%b %Y}" for day in changed)
        told = (
            f"The way of asking changed in {when}; what lies before and after is not one line."
            if when
            else "The way of asking has not changed."
        )
        tables = (
            _compared(*key, own.get(key, []), row),
            Table(
                f"by_provider_{'_'.join(key)}", "By provider and month: every answer that counts", MONTH_COLUMNS, collected[::-1], shown=12
            ),
        )
        title = f"{spoken(key[0])}, {metric_name(key[1])}"
        sections.append(Section("-".join(key), title, told, _beside(*key, collected, set(changed)), tables, programme=key[0]))
    sections += stated.sections(connection, build_id, hidden_below)
    return Page(
        "providers",
        "Providers",
        "Does the score move because another provider asks, and why does a provider's own page say something else?",
        "" if sections else "No answer is known.",
        tuple(sections),
    )


def _traced(month: Row) -> str:
    """To the answers of the month, whoever collected them."""
    cell = {"period_grain": "month", "period_starts_on": month["day"], "dimension": "all", "dimension_value": "all"}
    return traced("nps_by_segment", month | cell)


def _beside(programme: str, metric: str, collected: list[Row], breaks: set[date]) -> tuple[Picture, ...]:
    """The score by month, a line per provider; none where fewer than two months can be shown."""
    known = [row for row in collected if row["score"] is not None]
    if len(known) < 2:
        return ()
    drawn = [row | {"series": row["provider"], "is_break": row["day"] in breaks} for row in collected]
    told = "; ".join(
        f"{provider}: {len(group)} months, last {written(group[-1]['score'], 'points')} in {group[-1]['day']:%b %Y}"
        for (provider,), group in by(known, "provider").items()
    )
    return (pictures.over_time(drawn, f"{spoken(programme)}: {metric_name(metric)} by provider", told),)


def _compared(programme: str, metric: str, own: list[Row], ours: Row) -> Table:
    """What each provider's own page would say, and this report's score below it."""
    trace = traced("nps_current", ours)
    shown = [scored(row, 0) | {"who": f"{row['provider']}, by its own count", "trace": trace} for row in own]
    counted = sum(row["responses"] - row["excluded"] for row in own)
    last = {
        "who": "this report",
        "responses": ours["responses"],
        "score": ours["nps"],
        "low": ours["nps_low"],
        "high": ours["nps_high"],
        "excluded": None,
        "repeated": max(0, counted - ours["responses"]),
        "trace": trace,
    }
    hidden = ours["nps"] is None
    return Table(
        f"own_figures_{programme}_{metric}",
        "What a provider's own page would say",
        (
            Column("who", "Counted by"),
            Column("responses", "Answers", "count"),
            Column("score", "Score", "points"),
            Column("low", "Low", "points"),
            Column("high", "High", "points"),
            Column("excluded", "Of these excluded here", "count"),
            Column("repeated", "Earlier answers of the same customer left out", "count"),
        ),
        [*([] if hidden else [row | {"repeated": None} for row in shown]), last],
        note="A provider counts every scored answer: staff, duplicates and customers unknown to the CRM, and each answer of one customer.",
    )
