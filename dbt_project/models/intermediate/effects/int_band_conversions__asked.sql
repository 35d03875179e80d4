-- one row per metric and customer who was asked about the relationship 366 to 547 days before the as-of day: the last time, and the answer.
-- Half a year of asking that a whole year of finance follows. Who was asked and did not answer has no band; an answer without an
-- invitation stands for its own asking.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

invitations as (
    select * from {{ ref('fct_survey_invitations') }}
    where
        interaction_id is null
        and customer_id is not null
        and disposition <> 'not_sent'
),

answers as (
    select * from {{ ref('fct_survey_responses') }}
    where
        population = 'relationship'
        and excluded_reason is null
        and customer_id is not null
        and band is not null
),

-- which metric a programme asks for, its answers tell
metrics as (
    select distinct
        programme,
        metric
    from answers
),

asked as (
    select
        metrics.metric,
        invitations.customer_id,
        invitations.invitation_id as asked_id,
        invitations.segment,
        invitations.region,
        invitations.country,
        invitations.acquisition_channel,
        answers.band,
        invitations.invited_on as asked_on
    from invitations
    inner join metrics
        on invitations.programme = metrics.programme
    left join answers
        on
            invitations.invitation_id = answers.invitation_id
            and metrics.metric = answers.metric
    union all
    select
        answers.metric,
        answers.customer_id,
        cast(answers.response_id as text) as asked_id,
        answers.segment,
        answers.region,
        answers.country,
        answers.acquisition_channel,
        answers.band,
        answers.responded_on as asked_on
    from answers
    left join invitations
        on answers.invitation_id = invitations.invitation_id
    where invitations.invitation_id is null
),

ranked as (
    select
        asked.*,
        row_number() over (
            partition by asked.metric, asked.customer_id
            order by asked.asked_on desc, asked.asked_id desc
        ) as recency
    from asked
    cross join current_build
    where {{ days_between('asked.asked_on', 'current_build.as_of_on') }} between 366 and 547
)

select
    ranked.metric,
    ranked.customer_id,
    ranked.asked_id,
    ranked.segment,
    ranked.region,
    ranked.country,
    ranked.acquisition_channel,
    ranked.band,
    {{ days_between('customers.joined_on', 'ranked.asked_on') }} as tenure_days,
    ranked.asked_on
from ranked
inner join {{ ref('int_customers__latest') }} as customers
    on ranked.customer_id = customers.customer_id
where
    ranked.recency = 1
    and not customers.is_staff
