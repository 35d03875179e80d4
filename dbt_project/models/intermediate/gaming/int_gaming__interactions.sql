-- one row per programme and interaction of the 540 days before as_of that it could have asked about: of a type that it asks about, settled,
-- and with a customer who could be asked then. The last 14 days are left out: who will be asked is not known yet.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

interactions as (
    select
        interactions.*,
        {{ company_date('interactions.resolved_at', 'current_build.company_timezone') }} as settled_on
    from {{ ref('int_interactions__latest') }} as interactions
    cross join current_build
    where interactions.resolved_at < current_build.as_of
),

recent as (
    select interactions.*
    from interactions
    cross join current_build
    where
        interactions.settled_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }}
        and interactions.settled_on < {{ add_days('current_build.as_of_on', -14) }}
),

invitations as (
    select
        invitation_id,
        programme,
        customer_id,
        interaction_id,
        invited_at,
        invited_on
    from {{ ref('fct_survey_invitations') }}
),

-- which types a programme asks about, its invitations of these days say
asked_about as (
    select distinct
        invitations.programme,
        recent.interaction_type
    from invitations
    inner join recent
        on invitations.interaction_id = recent.interaction_id
),

customers as (
    select * from {{ ref('int_customers__history') }}
),

units as (
    select * from {{ ref('int_org_units__paths') }}
),

employees as (
    select * from {{ ref('int_employees__history') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

-- a customer who must not be asked is nobody's doing, and a unit without customers who may be asked games nothing
candidates as (
    select
        asked_about.programme,
        recent.*,
        customers.segment,
        {{ days_between('customers.joined_on', 'recent.settled_on') }} as tenure_days,
        {{ hours_between('recent.occurred_at', 'recent.resolved_at') }} as hours_to_resolution
    from recent
    inner join asked_about
        on recent.interaction_type = asked_about.interaction_type
    inner join customers
        on
            recent.customer_id = customers.customer_id
            and recent.resolved_at >= customers.valid_from
            and recent.resolved_at < customers.valid_to
    where
        customers.has_email
        and not customers.is_deleted
        and not coalesce(customers.opted_out, false)
        and not coalesce(customers.is_staff, false)
        and customers.do_not_contact is null
),

asked as (
    select distinct
        programme,
        interaction_id
    from invitations
    where interaction_id is not null
),

-- who was asked a short time ago is not asked again
asked_before as (
    select
        candidates.programme,
        candidates.interaction_id,
        max(invitations.invited_on) as last_asked_on,
        max(case when invitations.programme = candidates.programme then invitations.invited_on end) as last_asked_the_same_on
    from candidates
    inner join invitations
        on
            candidates.customer_id = invitations.customer_id
            and invitations.invited_at < candidates.resolved_at
            and invitations.invited_on >= {{ add_days('candidates.settled_on', -190) }}
    group by
        candidates.programme,
        candidates.interaction_id
),

placed as (
    select
        candidates.*,
        coalesce(candidates.org_unit_id, employees.org_unit_id) as unit_id,
        asked.interaction_id is not null as is_asked,
        {{ days_between('asked_before.last_asked_on', 'candidates.settled_on') }} as days_since_asked,
        {{ days_between('asked_before.last_asked_the_same_on', 'candidates.settled_on') }} as days_since_asked_the_same
    from candidates
    left join asked
        on
            candidates.programme = asked.programme
            and candidates.interaction_id = asked.interaction_id
    left join asked_before
        on
            candidates.programme = asked_before.programme
            and candidates.interaction_id = asked_before.interaction_id
    left join employees
        on
            candidates.employee_id = employees.employee_id
            and candidates.settled_on >= employees.valid_from
            and candidates.settled_on < employees.valid_to
)

select
    placed.programme,
    placed.interaction_id,
    placed.customer_id,
    units.team_id,
    units.branch_id,
    coalesce(units.branch_id, units.team_id, placed.unit_id) as group_id,
    placed.employee_id,
    placed.segment,
    placed.interaction_type,
    placed.outcome,
    tenure_bands.name as tenure_band,
    resolution_bands.name as resolution_band,
    {% for column in ['days_since_asked', 'days_since_asked_the_same'] -%}
    case
        when placed.{{ column }} <= 29 then 'up to 29 days ago'
        when placed.{{ column }} <= 91 then '30 to 91 days ago'
        when placed.{{ column }} <= 181 then '92 to 181 days ago'
        else 'longer ago'
    end as {{ 'asked' if loop.first else 'asked_the_same' }},
    {% endfor -%}
    placed.is_asked,
    placed.settled_on
from placed
left join units
    on
        placed.unit_id = units.org_unit_id
        and placed.settled_on >= units.valid_from
        and placed.settled_on < units.valid_to
left join bands as tenure_bands
    on {{ is_band_of('tenure_bands', 'tenure', 'placed.tenure_days') }}
left join bands as resolution_bands
    on {{ is_band_of('resolution_bands', 'resolution', 'placed.hours_to_resolution') }}
