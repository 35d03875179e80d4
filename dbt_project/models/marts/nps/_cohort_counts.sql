-- one row per programme, period and value of a dimension: invitations whose days to be answered in are over, and what became of them.
-- Kept between builds: touched cells get the differences added. Not for reading: nps_by_segment and response_rates carry it.
-- Where all are of those that were never sent, there are no cohort_invitations.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='cell_id',
        on_schema_change='fail',
        post_hook=[
            "delete from {{ this }} where coalesce(cohort_responses, 0) + " ~ (cohort_count_columns()[2:] | join(' + ')) ~ " = 0",
            "{{ analyze() }}",
        ],
        indexes=[{'columns': ['cell_id'], 'unique': true}, {'columns': ['period_grain', 'period_starts_on']}],
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
        {{ cohort_count_columns() | join(',\n        ') }}
    from deltas
    {% if is_incremental() -%}
    union all
    select
        kept.cell_id,
        kept.{{ cohort_columns() | join(',\n        kept.') }},
        kept.{{ cohort_count_columns() | join(',\n        kept.') }}
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
    cast(nullif(sum(cohort_invitations), 0) as bigint) as cohort_invitations,
    cast(case when sum(cohort_invitations) > 0 then sum(cohort_responses) end as bigint) as cohort_responses
    {%- for column in cohort_count_columns()[2:] %},
    cast(sum({{ column }}) as bigint) as {{ column }}
    {%- endfor %},
    period_starts_on,
    period_ends_on
from summands
group by
    cell_id,
    {{ cohort_columns() | join(',\n    ') }}
