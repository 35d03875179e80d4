-- one row per answer of the 365 days before the as-of day whose drivers are looked for: transactional ones all, and of those about the
-- relationship each customer's last one; with what was known of the customer, what happened, and what else the answer says.
-- Complaints and calls are those of the 365 days strictly before what the answer is about: a complaint about it is part of its effect.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counted as (
    select
        responses.*,
        {{ add_days('current_build.as_of_on', -365) }} as current_starts_on,
        {{ add_days('current_build.as_of_on', -1) }} as current_ends_on,
        row_number() over (
            partition by
                responses.programme, responses.metric,
                case when responses.population = 'relationship' then responses.customer_id else cast(responses.response_id as text) end
            order by responses.responded_at desc, responses.response_id desc
        ) as place_from_last
    from {{ ref('fct_survey_responses') }} as responses
    cross join current_build
    where
        responses.excluded_reason is null
        and responses.band is not null
        and responses.responded_on between {{ add_days('current_build.as_of_on', -365) }} and {{ add_days('current_build.as_of_on', -1) }}
),

facts as (
    select * from counted
    where
        place_from_last = 1
        or customer_id is null
),

-- what else was answered, in the version that is known last
response_versions as (
    select
        versions.response_id,
        versions.answers,
        versions.updated_at,
        versions._key,
        versions._batch_id,
        versions._loaded_at,
        versions._is_deleted
    from {{ ref('stg_survey_responses') }} as versions
    inner join facts
        on versions.response_id = facts.response_id
),

said as (
    {{ latest_version('response_versions', ['response_id']) }}
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

-- of several calls of an interaction the one that failed most
calls as (
    select
        interaction_id,
        topics,
        speech_sentiment,
        failed_interaction_score,
        row_number() over (
            partition by interaction_id
            order by failed_interaction_score desc nulls last, _key asc
        ) as place
    from latest_calls
    where interaction_id is not null
),

customer_calls as (
    select
        interactions.customer_id,
        interactions.occurred_on,
        max(calls.failed_interaction_score) as failed_interaction_score
    from calls
    inner join interactions
        on calls.interaction_id = interactions.interaction_id
    where calls.failed_interaction_score is not null
    group by
        interactions.customer_id,
        interactions.occurred_on
),

complaints as (
    select * from {{ ref('int_gaming__complaints') }}
),

available as (
    select max(case when entity = 'complaints' then 1 else 0 end) = 1 as has_complaints
    from {{ ref('int_entities__available') }}
),

worst_calls as (
    select
        facts.response_id,
        max(customer_calls.failed_interaction_score) as worst_call_before
    from facts
    inner join customer_calls
        on
            facts.customer_id = customer_calls.customer_id
            and customer_calls.occurred_on between {{ add_days('facts.reference_on', -365) }} and {{ add_days('facts.reference_on', -1) }}
    group by facts.response_id
),

complained as (
    select distinct facts.response_id
    from facts
    inner join complaints
        on
            facts.customer_id = complaints.customer_id
            and complaints.opened_on between {{ add_days('facts.reference_on', -365) }} and {{ add_days('facts.reference_on', -1) }}
)

select
    facts.response_id,
    facts.customer_id,
    facts.programme,
    facts.metric,
    facts.band,
    facts.segment,
    facts.tenure_band,
    facts.value_band,
    facts.region,
    facts.resolution_band,
    facts.outcome,
    interactions.interaction_subtype,
    facts.channel,
    facts.product_category,
    facts.interaction_type,
    case
        when complained.response_id is not null then 'yes'
        when available.has_complaints and facts.customer_id is not null then 'no'
    end as complained_before,
    calls.topics,
    facts.attributes,
    said.answers,
    facts.hours_to_resolution,
    worst_calls.worst_call_before,
    calls.failed_interaction_score,
    calls.speech_sentiment,
    facts.current_starts_on as period_starts_on,
    facts.current_ends_on as period_ends_on
from facts
cross join available
left join said
    on facts.response_id = said.response_id
left join interactions
    on facts.interaction_id = interactions.interaction_id
left join calls
    on
        facts.interaction_id = calls.interaction_id
        and calls.place = 1
left join worst_calls
    on facts.response_id = worst_calls.response_id
left join complained
    on facts.response_id = complained.response_id
