-- one row per kept referral and year that the customer brought anything in: net margin, and what the referral saved us in acquisition.
-- Years count from the referrer's first kept referral: 1 for its first 365 days, and so on.
with

referrals as (
    select * from {{ ref('int_referrals__judged') }}
    where why_dropped is null
),

revenue as (
    select * from {{ ref('int_revenue__latest') }}
    where is_converted
),

service_costs as (
    select * from {{ ref('int_service_costs__latest') }}
    where attribution = 'customers'
),

customers as (
    select * from {{ ref('int_customers__values') }}
),

origins as (
    select * from {{ ref('int_customers__origins') }}
),

-- what it costs to win a customer whom nobody recommended to us: the mean over those of whom we know both
usual as (
    select avg(customers.acquisition_cost) as acquisition_cost
    from customers
    inner join origins
        on customers.customer_id = origins.customer_id
    where origins.origin = 'bought'
),

-- a recommendation may be recorded after the customer has come
begun as (
    select
        referral_key,
        referrer_customer_id,
        referred_customer_id,
        would_have_come_anyway,
        referred_joined_on,
        min(coalesce(least(referred_on, referred_joined_on), referred_joined_on)) over (
            partition by referrer_customer_id
        ) as first_on
    from referrals
),

flows as (
    select
        begun.referral_key,
        revenue.booked_on,
        revenue.amount - coalesce(revenue.direct_cost, 0) as net_margin,
        cast(null as numeric(18, 4)) as saved_acquisition
    from begun
    inner join revenue
        on begun.referred_customer_id = revenue.customer_id
    union all
    select
        begun.referral_key,
        service_costs.booked_on,
        -service_costs.amount as net_margin,
        cast(null as numeric(18, 4)) as saved_acquisition
    from begun
    inner join service_costs
        on begun.referred_customer_id = service_costs.customer_id
    union all
    -- what the recommendation itself cost, such as a bonus, is in the customer's own acquisition cost
    select
        begun.referral_key,
        begun.referred_joined_on as booked_on,
        cast(null as numeric(18, 4)) as net_margin,
        usual.acquisition_cost - coalesce(customers.acquisition_cost, 0) as saved_acquisition
    from begun
    inner join customers
        on begun.referred_customer_id = customers.customer_id
    cross join usual
),

dated as (
    select
        begun.referral_key,
        begun.referrer_customer_id,
        begun.referred_customer_id,
        begun.would_have_come_anyway,
        flows.net_margin,
        flows.saved_acquisition,
        -- what was booked before the first referral belongs to its first year: nothing is lost
        greatest(cast(floor({{ days_between('begun.first_on', 'flows.booked_on') }} / 365.0) as integer), 0) + 1 as year_number
    from flows
    inner join begun
        on flows.referral_key = begun.referral_key
)

select
    referral_key,
    referrer_customer_id,
    referred_customer_id,
    would_have_come_anyway,
    year_number,
    cast(sum(net_margin) as numeric(18, 4)) as net_margin,
    cast(sum(saved_acquisition) as numeric(18, 4)) as saved_acquisition
from dated
group by
    referral_key,
    referrer_customer_id,
    referred_customer_id,
    would_have_come_anyway,
    year_number
