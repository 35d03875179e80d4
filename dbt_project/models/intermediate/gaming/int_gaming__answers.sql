-- one row per answer of the 540 days before as_of, or of three years where it is about no interaction: whose customer answered what, when,
-- how fast and from where, and whether the customer complained in the 90 days after
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

responses as (
    select responses.*
    from {{ ref('fct_survey_responses') }} as responses
    cross join current_build
    where
        responses.customer_id is not null
        and responses.responded_on >= {{ add_days('current_build.as_of_on', -gaming_standing_days()) }}
        and (
            responses.interaction_id is null
            or responses.responded_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }}
        )
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

disputes as (
    select * from {{ ref('int_disputes__settled') }}
    where is_upheld
),

shared_devices as (
    select * from {{ ref('int_gaming__shared_devices') }}
),

complained as (
    select distinct responses.response_id
    from responses
    inner join {{ ref('int_gaming__complaints') }} as complaints
        on
            responses.customer_id = complaints.customer_id
            and complaints.opened_on between {{ add_days('responses.responded_on', 1) }} and {{ add_days('responses.responded_on', 90) }}
)

select
    responses.response_id,
    responses.customer_id,
    responses.team_id,
    responses.branch_id,
    coalesce(responses.branch_id, responses.team_id, responses.org_unit_id) as group_id,
    case when disputes.is_upheld then disputes.to_employee_id else interactions.employee_id end as employee_id,
    responses.programme,
    responses.metric,
    responses.band,
    responses.segment,
    responses.interaction_type,
    responses.outcome,
    responses.tenure_band,
    responses.resolution_band,
    responses.is_complete,
    responses.interaction_id is not null as is_about_interaction,
    responses.responded_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }} as is_recent,
    responses.excluded_reason is null and responses.band is not null as is_scored,
    shared_devices.response_id is not null or ',' || coalesce(responses.quality_flags, '') || ',' like '%,own_staff,%' as is_shared_address,
    responses.responded_on < {{ add_days('current_build.as_of_on', -90) }} as is_settled,
    complained.response_id is not null as has_complained,
    coalesce(responses.invited_on, responses.responded_on) as reference_on,
    responses.responded_on,
    responses.started_at,
    responses.responded_at
from responses
cross join current_build
left join interactions
    on responses.interaction_id = interactions.interaction_id
left join disputes
    on responses.response_id = disputes.response_id
left join shared_devices
    on responses.response_id = shared_devices.response_id
left join complained
    on responses.response_id = complained.response_id
