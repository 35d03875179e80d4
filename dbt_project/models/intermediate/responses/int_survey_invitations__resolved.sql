-- one row per touched invitation: its latest version, with the customer and the moment that it is about
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

touched as (
    select * from {{ ref('int_survey_invitations__touched') }}
),

interactions as (
    select * from {{ ref('int_interactions__referenced') }}
),

versions as (
    select invitations.*
    from {{ ref('stg_survey_invitations') }} as invitations
    inner join touched
        on invitations.invitation_id = touched.invitation_id
),

latest as (
    {{ latest_version('versions', ['invitation_id']) }}
),

resolved as (
    select
        latest.invitation_id,
        coalesce(latest.customer_id, interactions.customer_id) as customer_id,
        latest.interaction_id,
        latest.programme,
        latest.disposition,
        latest.sent_at,
        -- an interaction that lies after the send is not what the invitation could know about
        least(coalesce(interactions.occurred_at, latest.sent_at), latest.sent_at) as reference_at
    from latest
    left join interactions
        on latest.interaction_id = interactions.interaction_id
)

select
    resolved.*,
    {{ company_date('resolved.reference_at', 'current_build.company_timezone') }} as reference_on
from resolved
cross join current_build
