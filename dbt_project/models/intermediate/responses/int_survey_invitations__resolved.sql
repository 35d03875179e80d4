-- one row per touched invitation, of a history or of the ledger: how it ended, with the customer and the moment that it is about
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

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

dispositions as (
    select * from {{ ref('dispositions') }}
),

of_ledger as (
    select * from {{ ref('int_ledger__invitations') }}
),

employee_programmes as (
    select * from {{ source('ops', 'employee_programmes') }}
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

-- a provider may report our own sends back to us: the ledger knows more of them
invitations as (
    select
        latest.invitation_id,
        latest.customer_id,
        latest.interaction_id,
        latest.programme,
        cast(null as uuid) as wave_id,
        cast(null as text) as wave,
        cast(null as text) as survey_method,
        cast(null as text) as survey_provider,
        cast(null as text) as survey_channel,
        cast(null as text) as stratum,
        cast(null as jsonb) as arms,
        latest.disposition as disposition_code,
        case when latest.disposition is null then 'sent' else coalesce(dispositions.disposition, 'unknown') end as disposition,
        cast(null as text) as reason,
        cast(null as numeric(14, 12)) as inclusion_probability,
        cast(null as numeric(18, 6)) as design_weight,
        latest.sent_at as drawn_at,
        latest.sent_at,
        cast(null as {{ type_moment() }}) as reminded_at
    from latest
    left join dispositions
        on lower(trim(latest.disposition)) = dispositions.code
    left join of_ledger
        on latest.invitation_id = of_ledger.invitation_id
    left join employee_programmes
        on latest.programme = employee_programmes.programme
    where
        of_ledger.invitation_id is null
        -- employees are asked about working here; that is no customer's survey
        and employee_programmes.programme is null
    union all
    select * from of_ledger
),

resolved as (
    select
        invitations.*,
        coalesce(invitations.customer_id, interactions.customer_id) as asked_customer_id,
        -- an interaction that lies after the send is not what the invitation could know about
        least(
            coalesce(interactions.occurred_at, invitations.sent_at, invitations.drawn_at),
            coalesce(invitations.sent_at, invitations.drawn_at)
        ) as reference_at
    from invitations
    left join interactions
        on invitations.interaction_id = interactions.interaction_id
)

select
    resolved.invitation_id,
    {{ survivor_of('resolved.asked_customer_id') }} as customer_id,
    resolved.interaction_id,
    resolved.programme,
    resolved.wave_id,
    resolved.wave,
    resolved.survey_method,
    resolved.survey_provider,
    resolved.survey_channel,
    resolved.stratum,
    resolved.arms,
    resolved.disposition_code,
    resolved.disposition,
    resolved.reason,
    resolved.inclusion_probability,
    resolved.design_weight,
    resolved.sent_at,
    resolved.reminded_at,
    coalesce(resolved.sent_at, resolved.drawn_at) as cohort_at,
    resolved.reference_at,
    {{ company_date('resolved.reference_at', 'current_build.company_timezone') }} as reference_on
from resolved
cross join current_build
left join survivors
    on resolved.asked_customer_id = survivors.customer_id
