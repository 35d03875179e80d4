-- one row per referred customer who was brought: revenue less direct cost of the first 365 days as a customer
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

referred as (
    select
        referred_customer_id as customer_id,
        referred_joined_on as joined_on
    from {{ ref('int_referrals__judged') }}
    where why_dropped is null
),

available as (
    select * from {{ ref('int_ledgers__available') }}
),

revenue as (
    select * from {{ ref('int_revenue__latest') }}
    where is_converted
),

summed as (
    select
        referred.customer_id,
        referred.joined_on,
        sum(revenue.amount) as revenue,
        sum(revenue.direct_cost) as direct_cost
    from referred
    left join revenue
        on
            referred.customer_id = revenue.customer_id
            -- what was booked before joining belongs to the first year too: nothing is lost
            and {{ days_between('referred.joined_on', 'revenue.booked_on') }} < 365
    group by
        referred.customer_id,
        referred.joined_on
)

select
    summed.customer_id,
    case
        when available.has_revenue
            then cast(coalesce(summed.revenue, 0) - coalesce(summed.direct_cost, 0) as numeric(18, 4))
    end as margin,
    {{ days_between('summed.joined_on', 'current_build.as_of_on') }} >= 365 as is_over
from summed
cross join available
cross join current_build
