-- one row per score to judge: programme, metric and period (month, quarter, declared, or the 90 days that end with as_of)
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

by_period as (
    select * from {{ ref('nps_by_segment') }}
    where
        dimension = 'all'
        and period_grain in ('month', 'quarter', 'declared')
),

current_scores as (
    select * from {{ ref('nps_current') }}
    where dimension = 'all'
),

-- where answers have no dates the current score is that of a declared period, which is among the periods already
cells as (
    {% for relation, condition in [('by_period', 'true'), ('current_scores', "period_grain = 'rolling_90_days'")] -%}
    select
        programme,
        metric,
        period_grain,
        responses,
        nps,
        nps_low,
        nps_high,
        n_effective,
        weighted_responses,
        nps_weighted,
        nps_weighted_low,
        nps_weighted_high,
        n_effective_weighted,
        design_effect,
        cohort_invitations,
        cohort_responses,
        response_rate,
        period_starts_on,
        period_ends_on
    from {{ relation }}
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

select
    {{ stable_id('metric_reliability', [
        'cells.programme', 'cells.metric', 'cells.period_grain', 'cells.period_starts_on', 'cells.period_ends_on'
    ]) }} as cell_id,
    cells.*,
    current_scores.programme is not null as is_current,
    cells.period_ends_on >= current_build.as_of_on as is_running,
    {{ add_days('cells.period_ends_on', 'current_build.maturity_days') }} >= current_build.as_of_on as is_maturing
from cells
cross join current_build
left join current_scores
    on
        cells.programme = current_scores.programme
        and cells.metric = current_scores.metric
        and cells.period_grain = current_scores.period_grain
        and cells.period_starts_on = current_scores.period_starts_on
        and cells.period_ends_on = current_scores.period_ends_on
