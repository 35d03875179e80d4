-- one row per customer_id that revenue was booked for, known or not: totals to date and in the last two years of 365 days
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

revenue as (
    select
        revenue.*,
        {{ days_between('revenue.booked_on', 'current_build.as_of_on') }} as days_ago
    from {{ ref('int_revenue__latest') }} as revenue
    cross join current_build
)

select
    customer_id,
    count(*) as postings,
    sum(case when is_converted then 0 else 1 end) as postings_not_converted,
    sum(case when is_converted and direct_cost is null then 1 else 0 end) as postings_without_direct_cost,
    coalesce(sum(amount), 0) as revenue,
    sum(direct_cost) as direct_cost,
    coalesce(sum(case when days_ago <= 365 then amount end), 0) as revenue_last_year,
    coalesce(sum(case when days_ago between 366 and 730 then amount end), 0) as revenue_year_before,
    max(case when days_ago <= 365 and amount > 0 then 1 else 0 end) = 1 as bought_last_year,
    max(case when days_ago between 366 and 730 and amount > 0 then 1 else 0 end) = 1 as bought_year_before,
    min(booked_on) as first_revenue_on,
    max(booked_on) as last_revenue_on
from revenue
group by customer_id
