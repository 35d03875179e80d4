-- one row per cell of nps_by_segment in which an answer has a weight: the additive sums that its weighted score is made of.
-- Kept between builds: touched cells get the differences added. Not for reading: small cells are not hidden here.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='cell_id',
        on_schema_change='fail',
        post_hook=["delete from {{ this }} where answers = 0", "{{ analyze() }}"],
        indexes=[{'columns': ['cell_id'], 'unique': true}],
    )
}}
-- the weights that these sums hold are kept beside them: depends_on: {{ ref('fct_response_weights') }}

with

deltas as (
    select
        cell_id,
        {{ weighted_sum_columns() | join(',\n        ') }}
    from {{ ref('int_nps__weighted_deltas') }}
),

summands as (
    select * from deltas
    {% if is_incremental() -%}
    union all
    select
        kept.cell_id,
        kept.{{ weighted_sum_columns() | join(',\n        kept.') }}
    from {{ this }} as kept
    inner join deltas
        on kept.cell_id = deltas.cell_id
    {%- endif %}
)

select
    cell_id,
    {{ kept_weighted_sums('sum') | join(',\n    ') }}
from summands
group by cell_id
