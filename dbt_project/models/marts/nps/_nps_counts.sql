-- one row per cell of nps_by_segment: the additive sums that its score and interval are made of.
-- Kept between builds: touched cells get the differences added. Not for reading: small cells are not hidden here.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='cell_id',
        on_schema_change='fail',
        post_hook=["delete from {{ this }} where answers = 0", "{{ analyze() }}"],
        indexes=[
            {'columns': ['cell_id'], 'unique': true},
            {'columns': ['programme', 'period_grain', 'period_starts_on', 'dimension']},
        ],
    )
}}

with

deltas as (
    select * from {{ ref('int_nps__deltas') }}
),

summands as (
    select
        cell_id,
        {{ cell_columns() | join(',\n        ') }},
        {{ count_columns() | join(',\n        ') }}
    from deltas
    {% if is_incremental() -%}
    union all
    select
        kept.cell_id,
        kept.{{ cell_columns() | join(',\n        kept.') }},
        kept.{{ count_columns() | join(',\n        kept.') }}
    from {{ this }} as kept
    inner join deltas
        on kept.cell_id = deltas.cell_id
    {%- endif %}
)

select
    cell_id,
    programme,
    metric,
    period_grain,
    dimension,
    dimension_value,
    {% for column in count_columns() -%}
    cast(sum({{ column }}) as bigint) as {{ column }},
    {% endfor -%}
    period_starts_on,
    period_ends_on
from summands
group by
    cell_id,
    {{ cell_columns() | join(',\n    ') }}
