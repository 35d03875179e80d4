-- one row per customer who had joined before the as-of day, as known at as_of; value is that of the 365 days before it
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and customer_id is not null
        and metric = 'nps'
),

has_revenue as (
    select count(*) > 0 as is_available
    from {{ ref('int_entities__available') }}
    where entity = 'revenue'
),

answers as (
    select
        customer_id,
        band,
        score,
        responded_on,
        row_number() over (
            partition by customer_id
            order by responded_at desc nulls last, response_id desc
        ) as recency
    from responses
),

postings as (
    select * from {{ ref('int_customers__postings') }}
),

margins as (
    select
        postings.customer_id,
        sum(postings.margin) as margin
    from postings
    cross join current_build
    where
        postings.booked_on < current_build.as_of_on
        and {{ days_between('postings.booked_on', 'current_build.as_of_on') }} <= 365
    group by postings.customer_id
),

wallets as (
    select * from {{ ref('int_category_spend__share_of_wallet') }}
),

measured as (
    select
        customers.*,
        {{ days_between('customers.joined_on', 'current_build.as_of_on') }} as tenure_days,
        case when has_revenue.is_available then coalesce(margins.margin, 0) end as customer_value,
        case when has_revenue.is_available then wallets.share_of_wallet end as share_of_wallet
    from customers
    cross join current_build
    cross join has_revenue
    left join margins
        on customers.customer_id = margins.customer_id
    left join wallets
        on customers.customer_id = wallets.customer_id
)

select
    measured.customer_id,
    measured.account_id,
    measured.contact_role,
    measured.segment,
    measured.region,
    measured.country,
    measured.acquisition_channel,
    measured.status,
    tenure_bands.name as tenure_band,
    value_bands.name as value_band,
    wallet_bands.name as share_of_wallet_band,
    answers.band as latest_band,
    answers.score as latest_score,
    measured.opted_out,
    measured.is_staff,
    measured.joined_on,
    answers.responded_on as latest_responded_on
from measured
left join answers
    on
        measured.customer_id = answers.customer_id
        and answers.recency = 1
left join bands as tenure_bands
    on {{ is_band_of('tenure_bands', 'tenure', 'measured.tenure_days') }}
left join bands as value_bands
    on {{ is_band_of('value_bands', 'value', 'measured.customer_value') }}
left join bands as wallet_bands
    on {{ is_band_of('wallet_bands', 'share_of_wallet', 'measured.share_of_wallet') }}
