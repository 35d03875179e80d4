-- one row per invitation that was sent in the 540 days before as_of: whose customer was asked, how long after the interaction had ended,
-- and whether the customer's address had become another one in the 30 days before
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

invitations as (
    select invitations.*
    from {{ ref('fct_survey_invitations') }} as invitations
    cross join current_build
    where
        invitations.disposition <> 'not_sent'
        and invitations.customer_id is not null
        and invitations.invited_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

changed as (
    select distinct invitations.invitation_id
    from invitations
    inner join {{ ref('int_gaming__address_changes') }} as changes
        on
            invitations.customer_id = changes.customer_id
            and changes.changed_on between {{ add_days('invitations.invited_on', -30) }} and invitations.invited_on
)

select
    invitations.invitation_id,
    invitations.customer_id,
    invitations.interaction_id,
    invitations.team_id,
    invitations.branch_id,
    coalesce(invitations.branch_id, invitations.team_id, invitations.org_unit_id) as group_id,
    interactions.employee_id,
    invitations.programme,
    invitations.disposition,
    invitations.segment,
    invitations.interaction_type,
    invitations.outcome,
    invitations.tenure_band,
    invitations.resolution_band,
    {{ hours_between('interactions.resolved_at', 'invitations.invited_at') }} as hours_since_settled,
    changed.invitation_id is not null as has_new_address,
    invitations.invited_on,
    invitations.invited_at
from invitations
left join interactions
    on invitations.interaction_id = interactions.interaction_id
left join changed
    on invitations.invitation_id = changed.invitation_id
