-- one row per customer: what the customer brought in and cost, from joining to the as-of day, and nothing modelled
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

available as (
    select * from {{ ref('int_ledgers__available') }}
),

revenue as (
    select * from {{ ref('int_revenue__by_customer') }}
),

service_costs as (
    select
        customer_id,
        sum(amount) as amount
    from {{ ref('int_service_costs__latest') }}
    where attribution = 'customers'
    group by customer_id
),

acquisition_costs as (
    select
        customer_id,
        sum(amount) as amount
    from {{ ref('int_acquisition_costs__by_customer') }}
    group by customer_id
),

wallets as (
    select * from {{ ref('int_category_spend__share_of_wallet') }}
),

-- a ledger that finance sends without a posting for the customer means 0; one that it does not send means not known
parts as (
    select
        customers.customer_id,
        {{ days_between('customers.joined_on', 'current_build.as_of_on') }} as tenure_days,
        coalesce(revenue.postings, 0) as revenue_postings,
        coalesce(revenue.postings_not_converted, 0) as revenue_postings_not_converted,
        coalesce(revenue.postings_without_direct_cost, 0) as revenue_postings_without_direct_cost,
        case when available.has_revenue then coalesce(revenue.revenue, 0) end as revenue,
        case
            when revenue.direct_cost is not null then revenue.direct_cost
            when available.has_direct_costs and coalesce(revenue.postings_without_direct_cost, 0) = 0 then 0
        end as direct_cost,
        case when available.has_service_costs then coalesce(service_costs.amount, 0) end as cost_to_serve,
        case
            when acquisition_costs.amount is not null then acquisition_costs.amount
            when available.has_acquisition_costs and customers.joined_on >= available.acquisition_costs_from then 0
        end as acquisition_cost,
        wallets.share_of_wallet,
        customers.joined_on,
        revenue.first_revenue_on,
        revenue.last_revenue_on
    from customers
    cross join current_build
    cross join available
    left join revenue
        on customers.customer_id = revenue.customer_id
    left join service_costs
        on customers.customer_id = service_costs.customer_id
    left join acquisition_costs
        on customers.customer_id = acquisition_costs.customer_id
    left join wallets
        on customers.customer_id = wallets.customer_id
),

valued as (
    select
        customer_id,
        nullif(
            concat_ws(
                ', ',
                case when revenue is null or revenue_postings_not_converted > 0 then 'revenue' end,
                case when direct_cost is null or revenue_postings_without_direct_cost > 0 then 'direct cost' end,
                case when cost_to_serve is null then 'cost to serve' end,
                case when acquisition_cost is null then 'acquisition cost' end
            ),
            ''
        ) as not_fully_known,
        tenure_days,
        revenue_postings,
        revenue_postings_not_converted,
        revenue_postings_without_direct_cost,
        cast(revenue as numeric(18, 4)) as revenue,
        cast(direct_cost as numeric(18, 4)) as direct_cost,
        cast(revenue - direct_cost as numeric(18, 4)) as margin,
        cast(cost_to_serve as numeric(18, 4)) as cost_to_serve,
        cast(acquisition_cost as numeric(18, 4)) as acquisition_cost,
        cast(
            revenue - coalesce(direct_cost, 0) - coalesce(cost_to_serve, 0) - coalesce(acquisition_cost, 0) as numeric(18, 4)
        ) as lifetime_value_to_date,
        share_of_wallet,
        joined_on,
        first_revenue_on,
        last_revenue_on
    from parts
)

select * from valued
