-- one row per counted answer of somebody who was invited: whom of the frame it can speak for
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id'], 'unique': true}]) }}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and band is not null
),

frames as (
    select * from {{ ref('int_weighting__frames') }}
    where is_invited
)

select
    responses.response_id,
    frames.member_id,
    frames.programme,
    frames.weighting_wave,
    frames.margin_cell,
    responses.metric,
    responses.band,
    frames.design_weight,
    frames.replicate_group
from responses
inner join frames
    on responses.invitation_id = frames.invitation_id
