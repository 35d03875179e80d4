-- one row per cell of nps_by_segment to be scored anew: its counts changed, those of the period before it did, or its cohort did
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
    {%- else -%}
    select cell_id from counts
    {%- endif %}
)

select * from touched
