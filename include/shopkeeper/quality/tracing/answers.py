"""The answers behind a score: which count, which do not and why, and the sums that score and interval are made of.

The rules are those of docs/adr/0003-incremental-marts.md, written anew over `fct_survey_responses`: a trace that asked the pipeline for
its own sums would agree with every mistake in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.tracing.subject import Row, Section, command, rows

# Where the column of the facts is not called as the dimension.
COLUMNS = {"product": "product_id", "team": "team_id", "branch": "branch_id", "org_region": "org_region_id", "company": "company_id"}

COUNTED, NOT_LATEST = "counted", "not the customer's latest of the period"

# Of what a customer says about the relationship, the latest of the period counts, whatever dimension it is then looked at by.
_BEHIND = """
    with of_period as (
        select
            *,
            case when excluded_reason is null then row_number() over (
                partition by population, customer_id, excluded_reason is null
                order by responded_at desc nulls last, response_id desc
            ) end as recency
        from marts.fct_survey_responses
        where programme = :programme and coalesce(metric, :metric) = :metric and {period}
    ),
    behind as (
        select
            of_period.response_id, of_period.customer_id, of_period.invitation_id, of_period.interaction_id, of_period.score,
            of_period.band, of_period.quality_flags, of_period.responded_on, of_period.responded_at,
            case
                when of_period.excluded_reason is not null then of_period.excluded_reason
                when population = 'transactional' or of_period.customer_id is null or recency = 1 then 'counted'
                else 'not the customer''s latest of the period'
            end as state,
            case of_period.band when 'promoter' then 1 when 'detractor' then -1 else 0 end as net,
            weights.weight
        from of_period
        left join marts.fct_response_weights as weights on of_period.response_id = weights.response_id
        where {dimension}
    )
"""

_SUMS = """
    , counted as (select *, coalesce(customer_id, cast(response_id as text)) as respondent from behind where state = 'counted'),
    respondents as (select respondent, count(*) as m, sum(net) as s from counted group by respondent)
    select
        count(*) as responses,
        count(*) filter (where net = 1) as promoters,
        count(*) filter (where net = 0) as passives,
        count(*) filter (where net = -1) as detractors,
        (select count(*) from respondents) as respondents,
        (select sum(m * m) from respondents) as sum_m_squared,
        (select sum(s * s) from respondents) as sum_s_squared,
        (select sum(s * m) from respondents) as sum_s_m,
        count(weight) as weighted_responses,
        sum(weight) as sum_weight,
        sum(weight * weight) as sum_weight_squared,
        sum(weight * net) as sum_weight_net
    from counted
"""

_SHOWN = """
    select response_id, responded_on, score, band, state, weight, quality_flags, invitation_id
    from behind
    order by state <> 'counted', responded_at desc nulls last, response_id
    limit :shown
"""

_STATES = """
    select state, count(*) as answers, count(score) as with_score
    from behind group by state order by state <> 'counted', count(*) desc, state
"""

_DISPUTED = """
    select behind.response_id, disputes.reason, disputes.opened_at, disputes.decision, disputes.goes_to, disputes.decided_at
    from behind
    inner join quality.disputed_responses() as disputed on behind.response_id = disputed.response_id
    inner join quality.answer_disputes() as disputes on disputed.response_key = disputes.response_key
    order by disputes.opened_at, disputes.dispute_id, disputes.decision_number
"""

_WAVES = """
    select
        coalesce(invitations.wave, 'no wave of ours') as wave, count(*) as answers_counted, waves.candidates, waves.drawn, waves.method,
        waves.as_of as drawn_as_of
    from behind
    left join marts.fct_survey_invitations as invitations on behind.invitation_id = invitations.invitation_id
    left join quality.waves on waves.programme = invitations.programme and waves.name = invitations.wave
    where behind.state = 'counted'
    group by invitations.wave, waves.candidates, waves.drawn, waves.method, waves.as_of
    order by waves.as_of nulls last, wave
"""

_COHORT = """
    select count(*) as cohort_invitations, count(*) filter (where is_completed_in_time) as cohort_responses
    from marts.fct_survey_invitations
    where
        programme = :programme and invited_on between :first_day and :last_day
        and invited_on + cast(:maturity_days as integer) < :as_of_on and {dimension}
"""


class Answers:
    """The answers behind one cell: programme, metric, period, dimension and value, as its row says them (without a dimension: all)."""

    def __init__(self, connection: sa.Connection, cell: Mapping[str, Any], build: Mapping[str, Any]) -> None:
        self.connection = connection
        self.is_declared = cell["period_grain"] == "declared"
        dimension = cell.get("dimension") or "all"
        column = connection.dialect.identifier_preparer.quote_identifier(COLUMNS.get(dimension, dimension))
        is_rest = cell.get("part") == "rest"  # of a change taken apart: the answers without a value
        is_all = dimension == "all" or cell.get("part") == "total"
        self.dimension = f"{column} is null" if is_rest else "true" if is_all else f"{column} = :value"
        if second := cell.get("second_dimension"):  # of a goal: both have to hold
            other = connection.dialect.identifier_preparer.quote_identifier(COLUMNS.get(second, second))
            self.dimension += f" and {other} = :second_value"
        between = "responded_on between :first_day and :last_day"
        declared = "responded_on is null and period_starts_on = :first_day and period_ends_on = :last_day"
        self.behind = _BEHIND.format(period=declared if self.is_declared else between, dimension=self.dimension)
        self.binds = {
            "programme": cell["programme"],
            "metric": cell["metric"],
            "first_day": cell["period_starts_on"],
            "last_day": cell["period_ends_on"],
            "value": cell.get("dimension_value"),
            "second_value": cell.get("second_value"),
        }
        self.build = build

    def sums(self) -> Row:
        return self._rows(_SUMS)[0]

    def cohort(self) -> Row:
        """Invitations of the period whose days to be answered in are over; none behind answers without a date."""
        if self.is_declared:
            return {}
        binds = {**self.binds, "maturity_days": self.build["maturity_days"], "as_of_on": self.build["as_of_on"]}
        return rows(self.connection, _COHORT.format(dimension=self.dimension), **binds)[0]

    def sections(self, shown: int | None) -> tuple[Section, ...]:
        states = self._rows(_STATES)
        answers = self._rows(_SHOWN, shown=shown)
        note = "" if len(answers) == (total := sum(row["answers"] for row in states)) else "--rows shows more, --json all"
        return (
            Section("states", "Which answers count, and why the others do not", states),
            Section("responses", "The answers", answers, note, total),
            Section("disputes", "Disputed: whose customer it was. The company's score counts them all the same", self._rows(_DISPUTED)),
            Section("waves", "The waves that asked for them", self._rows(_WAVES)),
        )

    def following(self) -> tuple[str, ...]:
        first = self._rows(_SHOWN, shown=1)
        return (command("fct_survey_responses", first[0]["response_id"]),) if first else ()

    def _rows(self, query: str, **values: Any) -> list[Row]:
        return rows(self.connection, self.behind + query, **self.binds, **values)
