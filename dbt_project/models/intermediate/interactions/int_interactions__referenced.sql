-- one row per interaction that a touched answer or invitation refers to: its latest version, whatever its date, because an
-- answer to it proves that it was there
{{ config(post_hook="{{ analyze() }}") }}

with

touched_responses as (
    select * from {{ ref('int_survey_responses__touched') }}
),

touched_invitations as (
    select * from {{ ref('int_survey_invitations__touched') }}
),

responses as (
    select * from {{ ref('stg_survey_responses') }}
),

invitations as (
    select * from {{ ref('stg_survey_invitations') }}
),

ledger_invitations as (
    select * from {{ ref('stg_ledger_invitations') }}
),

interactions as (
    select * from {{ ref('stg_interactions') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

referenced as (
    select responses.interaction_id
    from responses
    inner join touched_responses
        on responses.response_id = touched_responses.response_id
    where responses.interaction_id is not null
    union
    select invitations.interaction_id
    from invitations
    inner join touched_invitations
        on invitations.invitation_id = touched_invitations.invitation_id
    where invitations.interaction_id is not null
    union
    select ledger_invitations.interaction_id
    from ledger_invitations
    inner join touched_invitations
        on ledger_invitations.invitation_id = {{ as_uuid('touched_invitations.invitation_id') }}
    where ledger_invitations.interaction_id is not null
),

versions as (
    select interactions.*
    from interactions
    inner join referenced
        on interactions.interaction_id = referenced.interaction_id
),

latest as (
    {{ latest_version('versions', ['interaction_id']) }}
)

select
    latest.interaction_id,
    {{ survivor_of('latest.customer_id') }} as customer_id,
    latest.product_id,
    latest.employee_id,
    latest.org_unit_id,
    latest.channel,
    latest.interaction_type,
    latest.interaction_subtype,
    latest.outcome,
    latest.attributes,
    latest.occurred_at,
    latest.resolved_at
from latest
left join survivors
    on latest.customer_id = survivors.customer_id
