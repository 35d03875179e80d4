-- one row per invitation of the 1,095 days before the as-of day that was answered and counts, and per programme and customer who was
-- asked in the 365 days before, has had the days to answer in and has not: with what was known when the invitation was sent.
-- Nothing that became known later is in it, neither an outcome nor a complaint: a prediction could not have known it either.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counted as (
    select
        responses.*,
        row_number() over (
            partition by responses.invitation_id
            order by responses.responded_at desc, responses.response_id desc
        ) as place_from_last
    from {{ ref('fct_survey_responses') }} as responses
    cross join current_build
    where
        responses.excluded_reason is null
        and responses.band is not null
        and responses.responded_on >= {{ add_days('current_build.as_of_on', -1095) }}
),

answered_lately as (
    select distinct
        counted.programme,
        counted.customer_id
    from counted
    cross join current_build
    where
        counted.customer_id is not null
        and counted.responded_on >= {{ add_days('current_build.as_of_on', -365) }}
),

invitations as (
    select
        invitations.*,
        row_number() over (
            partition by invitations.programme, invitations.customer_id
            order by invitations.invited_at desc, invitations.invitation_id desc
        ) as place_from_last
    from {{ ref('fct_survey_invitations') }} as invitations
    cross join current_build
    where
        invitations.customer_id is not null
        and invitations.invited_on between {{ add_days('current_build.as_of_on', -1095) }} and {{ add_days('current_build.as_of_on', -1) }}
),

-- of a customer who answers to one invitation more than once the last answer counts
asked as (
    select
        invitations.*,
        counted.metric,
        counted.band,
        counted.responded_on,
        counted.invitation_id is null as is_silent
    from invitations
    cross join current_build
    left join counted
        on
            invitations.invitation_id = counted.invitation_id
            and counted.place_from_last = 1
    left join answered_lately
        on
            invitations.programme = answered_lately.programme
            and invitations.customer_id = answered_lately.customer_id
    where
        counted.invitation_id is not null
        or (
            invitations.place_from_last = 1
            and answered_lately.customer_id is null
            and invitations.invited_on >= {{ add_days('current_build.as_of_on', -365) }}
            and invitations.invited_on < {{ add_days('current_build.as_of_on', '-current_build.maturity_days') }}
        )
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

call_versions as (
    select * from {{ ref('stg_calls') }}
),

latest_calls as (
    {{ latest_version('call_versions') }}
),

calls as (
    select
        interaction_id,
        max(failed_interaction_score) as failed_interaction_score
    from latest_calls
    where interaction_id is not null
    group by interaction_id
),

complaints as (
    select * from {{ ref('int_gaming__complaints') }}
),

available as (
    select
        max(case when entity = 'customers' then 1 else 0 end) = 1 as has_customers,
        max(case when entity = 'complaints' then 1 else 0 end) = 1 as has_complaints,
        max(case when entity = 'interactions' then 1 else 0 end) = 1 as has_interactions
    from {{ ref('int_entities__available') }}
),

contacts as (
    select
        asked.invitation_id,
        count(*) as interactions,
        max(calls.failed_interaction_score) as worst_call_before
    from asked
    inner join interactions
        on
            asked.customer_id = interactions.customer_id
            and asked.invited_at > interactions.occurred_at
            and interactions.occurred_on >= {{ add_days('asked.invited_on', -365) }}
    left join calls
        on interactions.interaction_id = calls.interaction_id
    group by asked.invitation_id
),

complained as (
    select
        asked.invitation_id,
        count(*) as complaints
    from asked
    inner join complaints
        on
            asked.customer_id = complaints.customer_id
            and complaints.opened_on between {{ add_days('asked.invited_on', -365) }} and {{ add_days('asked.invited_on', -1) }}
    group by asked.invitation_id
),

answers_before as (
    select
        asked.invitation_id,
        answers.band,
        row_number() over (
            partition by asked.invitation_id
            order by answers.responded_at desc, answers.response_id desc
        ) as recency
    from asked
    inner join counted as answers
        on
            asked.customer_id = answers.customer_id
            and asked.invited_at > answers.responded_at
)

select
    asked.invitation_id,
    asked.customer_id,
    asked.programme,
    asked.metric,
    asked.band,
    asked.segment,
    asked.region,
    asked.acquisition_channel,
    asked.tenure_band,
    asked.value_band,
    asked.channel,
    asked.interaction_type,
    interactions.interaction_subtype,
    -- what an interaction came to is known once it is settled
    case when interactions.resolved_at is null or interactions.resolved_at < asked.invited_at then asked.outcome end as outcome,
    asked.product_category,
    coalesce(answers_before.band, 'never answered') as previous_band,
    {{ days_between('customers.joined_on', 'asked.invited_on') }} as tenure_days,
    case
        when interactions.resolved_at < asked.invited_at
            then cast({{ hours_between('interactions.occurred_at', 'interactions.resolved_at') }} as numeric(18, 2))
    end as hours_to_resolution,
    case when available.has_interactions then coalesce(contacts.interactions, 0) end as interactions,
    case when available.has_complaints then coalesce(complained.complaints, 0) end as complaints,
    contacts.worst_call_before,
    calls.failed_interaction_score,
    asked.is_silent,
    asked.invited_on,
    asked.responded_on
from asked
cross join available
left join customers
    on asked.customer_id = customers.customer_id
left join interactions
    on asked.interaction_id = interactions.interaction_id
left join calls
    on asked.interaction_id = calls.interaction_id
left join contacts
    on asked.invitation_id = contacts.invitation_id
left join complained
    on asked.invitation_id = complained.invitation_id
left join answers_before
    on
        asked.invitation_id = answers_before.invitation_id
        and answers_before.recency = 1
where
    not asked.is_silent
    -- whom the CRM does not know any more, and our own people, nobody wonders about
    or (not coalesce(customers.is_staff, false) and (customers.customer_id is not null or not available.has_customers))
