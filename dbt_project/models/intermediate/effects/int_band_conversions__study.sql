-- one row per metric and customer of the study of what a band is worth: what was known strictly before the asking, the band, and the
-- margin (revenue less direct and service costs) of the 365 days before and after. The day of asking itself is in neither.
-- In the study is who had been a customer for a year, where finance reaches back as far. Without a band: asked, and did not answer.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

asked as (
    select * from {{ ref('int_band_conversions__asked') }}
    where tenure_days >= 365
),

postings as (
    select * from {{ ref('int_customers__postings') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

call_versions as (
    select * from {{ ref('stg_calls') }}
),

calls as (
    {{ latest_version('call_versions') }}
),

complaint_versions as (
    select * from {{ ref('stg_complaints') }}
),

complaints as (
    {{ latest_version('complaint_versions') }}
),

ledger as (
    select min(booked_on) as starts_on from {{ ref('int_revenue__latest') }}
),

margins as (
    select
        asked.metric,
        asked.customer_id,
        sum(case when postings.booked_on < asked.asked_on then postings.margin else 0 end) as margin_before,
        sum(case when postings.booked_on > asked.asked_on then postings.margin else 0 end) as margin_after
    from asked
    inner join postings
        on
            asked.customer_id = postings.customer_id
            and postings.booked_on between {{ add_days('asked.asked_on', -365) }} and {{ add_days('asked.asked_on', 365) }}
    group by
        asked.metric,
        asked.customer_id
),

contacts as (
    select
        asked.metric,
        asked.customer_id,
        count(distinct interactions.interaction_id) as interactions,
        count(calls._key) as calls,
        max(calls.failed_interaction_score) as worst_call
    from asked
    inner join interactions
        on
            asked.customer_id = interactions.customer_id
            and interactions.occurred_on between {{ add_days('asked.asked_on', -365) }} and {{ add_days('asked.asked_on', -1) }}
    left join calls
        on interactions.interaction_id = calls.interaction_id
    group by
        asked.metric,
        asked.customer_id
),

dated_complaints as (
    select
        coalesce({{ survivor_of('complaints.customer_id') }}, interactions.customer_id) as customer_id,
        {{ company_date('complaints.opened_at', 'current_build.company_timezone') }} as opened_on
    from complaints
    cross join current_build
    left join interactions
        on complaints.interaction_id = interactions.interaction_id
    left join survivors
        on complaints.customer_id = survivors.customer_id
),

complained as (
    select
        asked.metric,
        asked.customer_id,
        count(*) as complaints
    from asked
    inner join dated_complaints
        on
            asked.customer_id = dated_complaints.customer_id
            and dated_complaints.opened_on between {{ add_days('asked.asked_on', -365) }} and {{ add_days('asked.asked_on', -1) }}
    group by
        asked.metric,
        asked.customer_id
),

answers_before as (
    select
        asked.metric,
        asked.customer_id,
        answers.band,
        row_number() over (
            partition by asked.metric, asked.customer_id
            order by answers.responded_at desc, answers.response_id desc
        ) as recency
    from asked
    inner join {{ ref('fct_survey_responses') }} as answers
        on
            asked.customer_id = answers.customer_id
            and asked.metric = answers.metric
            and answers.responded_on < asked.asked_on
    where
        answers.excluded_reason is null
        and answers.band is not null
)

select
    asked.metric,
    asked.customer_id,
    asked.segment,
    asked.region,
    asked.country,
    asked.acquisition_channel,
    coalesce(answers_before.band, 'never answered') as previous_band,
    asked.band,
    asked.tenure_days,
    coalesce(contacts.interactions, 0) as interactions,
    coalesce(contacts.calls, 0) as calls,
    coalesce(complained.complaints, 0) as complaints,
    cast(coalesce(contacts.worst_call, 0) as numeric(9, 4)) as worst_call,
    cast(coalesce(margins.margin_before, 0) as numeric(18, 4)) as margin_before,
    cast(coalesce(margins.margin_after, 0) as numeric(18, 4)) as margin_after,
    asked.asked_on
from asked
cross join ledger
left join margins
    on
        asked.metric = margins.metric
        and asked.customer_id = margins.customer_id
left join contacts
    on
        asked.metric = contacts.metric
        and asked.customer_id = contacts.customer_id
left join complained
    on
        asked.metric = complained.metric
        and asked.customer_id = complained.customer_id
left join answers_before
    on
        asked.metric = answers_before.metric
        and asked.customer_id = answers_before.customer_id
        and answers_before.recency = 1
where ledger.starts_on <= {{ add_days('asked.asked_on', -365) }}
