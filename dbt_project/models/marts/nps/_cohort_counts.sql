-- one row per programme, period and value of a dimension: invitations whose days to be answered in are over, and their answers.
-- Kept between builds: touched cells get the differences added. Not for reading: nps_by_segment carries it.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='cell_id',
        on_schema_change='fail',
        post_hook=["delete from {{ this }} where cohort_invitations = 0", "{{ analyze() }}"],
        indexes=[{'columns': ['cell_id'], 'unique': true}],
    )
}}

with

deltas as (
    select * from {{ ref('int_cohorts__deltas') }}
),

summands as (
    select
        cell_id,
        {{ cohort_columns() | join(',\n        ') }},
        cohort_invitations,
        cohort_responses
    from deltas
    {% if is_incremental() -%}
    union all
    select
        kept.cell_id,
        kept.{{ cohort_columns() | join(',\n        kept.') }},
        kept.cohort_invitations,
        kept.cohort_responses
    from {{ this }} as kept
    inner join deltas
        on kept.cell_id = deltas.cell_id
    {%- endif %}
)

select
    cell_id,
    programme,
    period_grain,
    dimension,
    dimension_value,
    cast(sum(cohort_invitations) as bigint) as cohort_invitations,
    cast(sum(cohort_responses) as bigint) as cohort_responses,
    period_starts_on,
    period_ends_on
from summands
group by
    cell_id,
    {{ cohort_columns() | join(',\n    ') }}
