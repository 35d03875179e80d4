-- one row per cell of nps_by_segment to be scored anew: its counts changed, those of the period before it did, its cohort did, or the
-- method of its period
{{ config(post_hook="{{ analyze() }}") }}

with

counts as (
    select * from {{ ref('_nps_counts') }}
),

{% if adds_to_kept_marts() -%}
deltas as (
    select * from {{ ref('int_nps__deltas') }}
),

cohort_deltas as (
    select * from {{ ref('int_cohorts__deltas') }}
),

kept as (
    select * from {{ as_left_by_last_build('nps_by_segment') }}
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

next_periods as (
    select
        programme,
        metric,
        period_grain,
        {{ add_days('period_ends_on', 1) }} as period_starts_on,
        {{ add_days(shifted_period_start(add_days('period_ends_on', 1), 1), -1) }} as period_ends_on,
        dimension,
        dimension_value
    from deltas
    where period_grain <> 'declared'
),
{%- endif %}

touched as (
    {% if adds_to_kept_marts() -%}
    select cell_id from deltas
    union
    select {{ stable_id('nps_cell', cell_columns()) }} as cell_id
    from next_periods
    union
    select counts.cell_id
    from counts
    inner join cohort_deltas
        on
            counts.programme = cohort_deltas.programme
            and counts.period_grain = cohort_deltas.period_grain
            and counts.period_starts_on = cohort_deltas.period_starts_on
            and counts.dimension = cohort_deltas.dimension
            and counts.dimension_value = cohort_deltas.dimension_value
    union
    select kept.cell_id
    from kept
    inner join methods
        on {{ is_period_of('methods', 'kept') }}
    where
        coalesce(kept.survey_method, '') <> coalesce(methods.survey_method, '')
        or kept.is_method_break <> methods.is_method_break
    {%- else -%}
    select cell_id from counts
    {%- endif %}
)

select * from touched
