-- one row per customer (or interaction of a customer) that could have been asked in a weighting wave, with what was known then.
-- Kept between builds: who is described again is forgotten and written anew. Not for reading: survey_weightings and representativeness
-- carry it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('member_id', ref('int_weighting__touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[
            {'columns': ['member_id'], 'unique': true},
            {'columns': ['invitation_id']},
            {'columns': ['wave_id']},
            {'columns': ['weighting_id']},
            {'columns': ['customer_id', 'asked_on']},
            {'columns': ['interaction_id']},
            {'columns': ['product_id']},
        ],
    )
}}
-- what is forgotten here is read before: depends_on: {{ ref('int_weighting__members_changed') }}

with

frames as (
    select * from {{ ref('int_weighting__frames') }}
)

select
    member_id,
    wave_id,
    weighting_id,
    programme,
    weighting_wave,
    invitation_id,
    framed_customer_id,
    customer_id,
    interaction_id,
    product_id,
    margin_cell,
    {% for variable in weighting_variables() -%}
    {{ variable }},
    {% endfor -%}
    design_weight,
    replicate_group,
    is_invited,
    is_completed_in_time,
    asked_on,
    asked_at
from frames
