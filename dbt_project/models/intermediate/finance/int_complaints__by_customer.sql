-- one row per customer who complained in the 365 days before the as-of day. A complaint without a customer of its own
-- is that of its interaction's customer.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_complaints') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

latest as (
    {{ latest_version('versions') }}
),

dated as (
    select
        coalesce({{ survivor_of('latest.customer_id') }}, interactions.customer_id) as customer_id,
        {{ days_between(company_date('latest.opened_at', 'current_build.company_timezone'), 'current_build.as_of_on') }} as days_ago
    from latest
    cross join current_build
    left join interactions
        on latest.interaction_id = interactions.interaction_id
    left join survivors
        on latest.customer_id = survivors.customer_id
    where latest.opened_at < current_build.as_of
)

select
    customer_id,
    count(*) as complaints_last_year
from dated
where
    customer_id is not null
    and days_ago between 1 and 365
group by customer_id
