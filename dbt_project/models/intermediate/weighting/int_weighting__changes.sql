-- one row per answer whose weight this build makes another than the last build left: new, other, or none any more. Looked for in the waves
-- that are weighed anew: from the same counts follow the same weights.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id'], 'unique': true}]) }}
-- the weights are made from these: depends_on: {{ ref('_weighting_cells') }}, {{ ref('_weighting_counts') }}

with

weights as (
    select * from {{ ref('int_weighting__weights') }}
){% if adds_to_kept_marts() -%},

touched as (
    select * from {{ ref('int_weighting__waves_touched') }}
),

kept as (
    select kept.*
    from {{ as_left_by_last_build('fct_response_weights') }} as kept
    inner join touched
        on
            kept.programme = touched.programme
            and kept.wave = touched.weighting_wave
),

-- rows that are in one of the two alone
other as (
    (select * from weights except select * from kept)
    union all
    (select * from kept except select * from weights)
)
{%- endif %}

select distinct response_id
from {{ 'other' if adds_to_kept_marts() else 'weights' }}
