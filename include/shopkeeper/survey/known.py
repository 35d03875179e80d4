"""What is known of each cell that a plan is made for: its history, from the marts, and who could be asked, from the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from shopkeeper.company.base import did_you_mean
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Sampling
from shopkeeper.errors import fail
from shopkeeper.survey import addresses, frame, selection
from shopkeeper.survey.waves import Wave

# What cells can be made by: dimensions of marts.nps_by_segment.
DIMENSIONS = (
    *("segment", "region", "country", "tenure_band", "value_band", "share_of_wallet_band"),
    *("product", "product_category", "channel", "interaction_type", "outcome", "resolution_band"),
    *("team", "branch", "org_region", "company"),
)
ALL = "all"


@dataclass(frozen=True)
class History:
    """What marts know of one cell: counts of the last four quarters, and answers of the last 90 days and of this year."""

    detractors: int = 0
    passives: int = 0
    promoters: int = 0
    design_effect: float = 1.0
    cohort_invitations: int = 0
    cohort_responses: int = 0
    current: int = 0
    this_year: int = 0

    @property
    def scored(self) -> int:
        return self.detractors + self.passives + self.promoters


@dataclass(frozen=True)
class Population:
    """Who could be asked in a cell: all who are eligible, and those of them whom no quarantine and no block keeps out.

    Customers as of now; of a programme that follows interactions, interactions of the last 90 days.
    """

    eligible: int
    available: int


def dimension_of(by: str) -> str:
    """`customer.segment`, `interaction.channel`, `org unit` or a dimension of marts → that dimension."""
    name = by.strip().lower().replace(" ", "_")
    name = name.removeprefix("customer.").removeprefix("interaction.").removesuffix("_id")
    name = {"org_unit": "branch", "unit": "branch"}.get(name, name)
    if name not in DIMENSIONS:
        raise fail(f"--by {by}", "scores are not published by that", did_you_mean(name, list(DIMENSIONS)))
    return name


# --- what marts know --------------------------------------------------------------------------------------------------

_HISTORY = """
with

quarters as (
    select
        case when dimension = 'all' then 'all' else dimension_value end as cell,
        sum(detractors) as detractors,
        sum(passives) as passives,
        sum(promoters) as promoters,
        sum(responses) / nullif(sum(n_effective), 0) as design_effect,
        sum(cohort_invitations) as cohort_invitations,
        sum(cohort_responses) as cohort_responses
    from marts.nps_by_segment
    where
        programme = :programme and metric = :metric and dimension in (:dimension, 'all')
        and period_grain = 'quarter' and period_ends_on > :today - 365
    group by 1
),

years as (
    select case when dimension = 'all' then 'all' else dimension_value end as cell, responses as this_year
    from marts.nps_by_segment
    where
        programme = :programme and metric = :metric and dimension in (:dimension, 'all')
        and period_grain = 'year' and :today between period_starts_on and period_ends_on
),

current_scores as (
    select case when dimension = 'all' then 'all' else dimension_value end as cell, responses as current
    from marts.nps_current
    where programme = :programme and metric = :metric and dimension in (:dimension, 'all')
)

select
    cell,
    coalesce(detractors, 0)::int as detractors,
    coalesce(passives, 0)::int as passives,
    coalesce(promoters, 0)::int as promoters,
    greatest(1, coalesce(design_effect, 1))::float as design_effect,
    coalesce(cohort_invitations, 0)::int as cohort_invitations,
    coalesce(cohort_responses, 0)::int as cohort_responses,
    coalesce(current, 0)::int as current,
    coalesce(this_year, 0)::int as this_year
from quarters
full join years using (cell)
full join current_scores using (cell)
"""


def read_history(connection: sa.Connection, *, programme: str, metric: str, dimension: str, today: date) -> dict[str, History]:
    """What the published marts say of each cell, by its value; empty before the first publication."""
    if connection.scalar(sa.text("select to_regclass('marts.nps_current')")) is None:
        return {}
    given = {"programme": programme, "metric": metric, "dimension": dimension, "today": today}
    rows = connection.execute(sa.text(_HISTORY).bindparams(sa.bindparam("today", type_=sa.Date)), given).mappings()
    return {row["cell"]: History(**{key: value for key, value in row.items() if key != "cell"}) for row in rows}


# Columns of customers and of interactions among the dimensions. The others come from marts, by which nobody is drawn.
OF_CUSTOMERS = ("segment", "region", "country")
OF_INTERACTIONS = ("channel", "interaction_type", "outcome")
_POPULATIONS = """
    select
        stratum,
        cast(count(*) filter (where reason is null or reason in ('quarantine_programme', 'quarantine_any', 'after_decline')) as int),
        cast(count(*) filter (where reason is null) as int)
    from candidates
    where stratum is not null
    group by stratum
"""

# Of a customer's interactions only so many can be asked about in that time, and which one is chance: each counts as its share.
RECENT = timedelta(days=90)
_INTERACTIONS = """
    select stratum, cast(count(*) as int), cast(round(sum(least(of_customer, :times) / of_customer)) as int)
    from (
        select stratum, cast(count(*) over (partition by customer_id) as numeric) as of_customer
        from candidates
        where reason is null
    ) as free
    where stratum is not null
    group by stratum
"""


def read_populations(
    connection: sa.Connection, folder: CompanyFolder, programme: str, *, dimension: str, now: datetime
) -> dict[str, Population]:
    """Who could be asked, by the same frame that a draw makes; nothing is written.

    Of a programme with a cadence, those whom a wave at `now` would find. Of one that follows interactions, what happened in the last
    90 days to customers who may be asked, and how many of these its own quarantine lets it ask about; another programme's is not
    counted with. Empty for dimensions that neither customers nor interactions have by themselves.
    """
    configured = folder.programmes.programmes[programme]
    if configured.kind == "employee" or dimension not in (*OF_CUSTOMERS, *(OF_INTERACTIONS if configured.after else ())):
        return {}
    record = "customer" if dimension in OF_CUSTOMERS else "interaction"
    everybody = configured.model_copy(update={"sampling": Sampling(take="all", by=f"{record}.{dimension}")})
    if configured.after is None:
        wave = Wave(programme, "plan", now, now, now, first_day=now.astimezone(folder.company.zone).date())
        selection.select(connection, folder, everybody, wave, as_of=now, known_at=now)
        query, given = _POPULATIONS, {}
    else:
        everybody = everybody.model_copy(update={"after": configured.after.model_copy(update={"too_old_days": RECENT.days})})
        # The wave of no programme: what earlier waves have asked about counts too.
        wave = Wave("", "plan", now - RECENT, now, now - RECENT)
        frame.gather(connection, folder, everybody, wave, as_of=now, known_at=now)
        addresses.settle_shared(connection, everybody, wave, known_at=now)
        times = RECENT.days if frame.asks_about_each(configured) else math.ceil(RECENT.days / max(configured.quarantine, 1))
        query, given = _INTERACTIONS, {"times": times}
    found = {cell: Population(eligible, free) for cell, eligible, free in connection.execute(sa.text(query), given).tuples()}
    connection.rollback()
    return {cell: people for cell, people in found.items() if people.eligible}
