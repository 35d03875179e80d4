-- one row per programme × metric × period grain × period × dimension × value in which somebody answered.
-- Kept between builds: cells whose raw, weighted or shrunk score may have changed are forgotten and written anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook=["{{ forget('cell_id', ref('int_nps__touched_cells')) }}", "{{ forget('cell_id', ref('int_nps__rewritten')) }}"],
        post_hook="{{ analyze() }}",
        indexes=[
            {'columns': ['cell_id'], 'unique': true},
            {'columns': ['dimension', 'period_grain', 'period_starts_on']},
        ],
    )
}}

with

rewritten as (
    select * from {{ ref('int_nps__rewritten') }}
)

select
    cell_id,
    {{ published_score_columns() | join(',\n    ') }}
from rewritten
