-- one row per counted answer to an invitation of a wave that is weighed anew: whom of the frame it can speak for
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id'], 'unique': true}]) }}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and band is not null
),

members as (
    select members.*
    from {{ ref('_frame_members') }} as members
    inner join {{ ref('int_weighting__waves_touched') }} as touched
        on members.weighting_id = touched.weighting_id
    where members.is_invited
)

select
    responses.response_id,
    members.weighting_id,
    members.programme,
    members.weighting_wave,
    members.margin_cell,
    responses.metric,
    responses.band,
    members.design_weight,
    members.replicate_group
from responses
inner join members
    on responses.invitation_id = members.invitation_id
