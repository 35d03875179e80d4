-- one row per answer whose weight this build makes another than the last build left: new, other, or none any more
{{ config(post_hook="{{ analyze() }}") }}

with

weights as (
    select * from {{ ref('int_weighting__weights') }}
){% if adds_to_kept_marts() -%},

kept as (
    select * from {{ as_left_by_last_build('fct_response_weights') }}
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
