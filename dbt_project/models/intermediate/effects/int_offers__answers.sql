-- one row per metric, period (each quarter, and the 365 days before the as-of day) and customer: the last answer after an interaction,
-- whether an offer was made there, of which type, and whether it was accepted; and what was known of the customer strictly before it.
-- Of several offers at one interaction the last one presented counts.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

offer_versions as (
    select * from {{ ref('stg_offers') }}
),

latest as (
    {{ latest_version('offer_versions') }}
),

offers as (
    select
        latest.interaction_id,
        latest.offer_type,
        latest.accepted_at is not null and latest.accepted_at < current_build.as_of as is_accepted,
        row_number() over (
            partition by latest.interaction_id
            order by latest.presented_at desc nulls last, latest._key asc
        ) as recency
    from latest
    cross join current_build
    where
        latest.interaction_id is not null
        and (latest.presented_at < current_build.as_of or latest.presented_at is null)
),

-- a period in which the company recorded no offers would be a control group of another time
recorded as (
    select
        min(interactions.occurred_on) as first_on,
        max(interactions.occurred_on) as last_on
    from offers
    inner join {{ ref('int_interactions__latest') }} as interactions
        on offers.interaction_id = interactions.interaction_id
),

answers as (
    select
        responses.metric,
        responses.response_id,
        responses.customer_id,
        responses.interaction_id,
        responses.band,
        responses.segment,
        responses.region,
        responses.channel,
        responses.interaction_type,
        responses.reference_on,
        responses.responded_on,
        responses.responded_at,
        {{ days_between('customers.joined_on', 'responses.reference_on') }} as tenure_days
    from {{ ref('fct_survey_responses') }} as responses
    inner join {{ ref('int_customers__latest') }} as customers
        on responses.customer_id = customers.customer_id
    inner join recorded
        on responses.reference_on between recorded.first_on and recorded.last_on
    where
        responses.excluded_reason is null
        and responses.population = 'transactional'
        and responses.band is not null
        and responses.responded_on is not null
),

placed as (
    select
        answers.*,
        'quarter' as period_grain,
        {{ period_start('answers.responded_on', 'quarter') }} as period_starts_on
    from answers
    union all
    select
        answers.*,
        'rolling_365_days' as period_grain,
        {{ add_days('current_build.as_of_on', -365) }} as period_starts_on
    from answers
    cross join current_build
    where answers.responded_on between {{ add_days('current_build.as_of_on', -365) }} and {{ add_days('current_build.as_of_on', -1) }}
),

-- one answer of each customer, so that no customer is counted as several
ranked as (
    select
        *,
        row_number() over (
            partition by metric, period_grain, period_starts_on, customer_id
            order by responded_at desc, response_id desc
        ) as place_from_last
    from placed
),

last_answers as (
    select * from ranked
    where place_from_last = 1
),

-- the answers before it that came in before the interaction
answers_before as (
    select
        answers.response_id,
        earlier.band,
        row_number() over (
            partition by answers.response_id
            order by earlier.responded_at desc, earlier.response_id desc
        ) as recency
    from answers
    inner join {{ ref('fct_survey_responses') }} as earlier
        on
            answers.customer_id = earlier.customer_id
            and answers.metric = earlier.metric
            and earlier.responded_on < answers.reference_on
    where
        earlier.excluded_reason is null
        and earlier.band is not null
),

-- margin of the 365 days before the interaction
margins as (
    select
        answers.response_id,
        sum(postings.margin) as margin_before
    from answers
    inner join {{ ref('int_customers__postings') }} as postings
        on
            answers.customer_id = postings.customer_id
            and postings.booked_on between {{ add_days('answers.reference_on', -365) }} and {{ add_days('answers.reference_on', -1) }}
    group by answers.response_id
)

select
    answers.metric,
    answers.period_grain,
    answers.customer_id,
    answers.response_id,
    answers.band,
    answers.segment,
    answers.region,
    answers.channel,
    answers.interaction_type,
    coalesce(answers_before.band, 'never answered') as previous_band,
    offers.offer_type,
    case answers.band when 'promoter' then 1 when 'detractor' then -1 else 0 end as mark,
    case answers_before.band when 'promoter' then 1 when 'detractor' then -1 when 'passive' then 0 end as previous_mark,
    answers.tenure_days,
    cast(coalesce(margins.margin_before, 0) as numeric(18, 4)) as margin_before,
    offers.interaction_id is not null as is_offered,
    offers.is_accepted,
    answers.period_starts_on
from last_answers as answers
left join offers
    on
        answers.interaction_id = offers.interaction_id
        and offers.recency = 1
left join answers_before
    on
        answers.response_id = answers_before.response_id
        and answers_before.recency = 1
left join margins
    on answers.response_id = margins.response_id
