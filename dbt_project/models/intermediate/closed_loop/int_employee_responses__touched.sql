-- one row per answer whose place in fct_employee_responses this build works out anew: all of them, or those that fct_survey_responses
-- has anew or no more, those that are disputed, and those of units that have another place than before
{{ config(post_hook="{{ analyze() }}") }}
-- read when all is made anew: depends_on: {{ ref('fct_survey_responses') }}
{%- set kept = as_left_by_last_build('fct_employee_responses', schema='frontline_next') %}

with

{% if adds_to_kept_marts() and (not execute or load_relation(kept) is not none) -%}
kept as (
    select * from {{ kept }}
),

moved_units as (
    select kept.response_id
    from kept
    inner join {{ ref('int_org_units__today') }} as units
        on kept.org_unit_id = units.org_unit_id
    where coalesce(kept.unit_path, '') <> units.unit_path
),

touched as (
    select response_id from {{ ref('int_survey_responses__before') }}
    union
    select response_id from {{ ref('int_survey_responses__latest') }}
    union
    select response_id from {{ ref('int_disputes__settled') }}
    union
    select response_id from moved_units
)
{%- else -%}
touched as (
    select response_id from {{ ref('fct_survey_responses') }}
)
{%- endif %}

select * from touched
