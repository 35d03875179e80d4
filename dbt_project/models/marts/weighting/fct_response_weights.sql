-- one row per answer with a weight: how many customers (or interactions) that could have been asked it speaks for.
-- Kept between builds: weights that changed are forgotten and written anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('response_id', ref('int_weighting__changes')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['response_id'], 'unique': true}, {'columns': ['programme', 'wave']}],
    )
}}
-- what is forgotten here is read before: depends_on: {{ ref('int_nps__weighted_deltas') }}

with

weights as (
    select * from {{ ref('int_weighting__weights') }}
),

changes as (
    select * from {{ ref('int_weighting__changes') }}
)

select weights.*
from weights
inner join changes
    on weights.response_id = changes.response_id
