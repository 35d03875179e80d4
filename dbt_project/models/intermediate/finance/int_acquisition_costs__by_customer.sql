-- one row per posting and customer charged: the customer's share of the posting.
-- A channel's posting is spread evenly over the customers who joined in that channel and period. Shares are
-- differences of the rounded running total, so that they add up to the posting exactly.
with

costs as (
    select * from {{ ref('int_acquisition_costs__latest') }}
    where attribution = 'customers'
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

of_one_customer as (
    select
        cost_key,
        customer_id,
        amount
    from costs
    where customer_id is not null
),

charged as (
    select
        costs.cost_key,
        customers.customer_id,
        costs.amount,
        row_number() over (
            partition by costs.cost_key
            order by customers.customer_id
        ) as place,
        count(*) over (partition by costs.cost_key) as customers_joined
    from costs
    inner join customers
        on
            costs.acquisition_channel = customers.acquisition_channel
            and customers.joined_on between costs.period_from and costs.period_to
    where costs.customer_id is null
),

of_a_channel as (
    select
        cost_key,
        customer_id,
        round(amount * place / customers_joined, 4) - round(amount * (place - 1) / customers_joined, 4) as amount
    from charged
),

shares as (
    select * from of_one_customer
    union all
    select * from of_a_channel
)

select
    cost_key,
    customer_id,
    cast(amount as numeric(18, 4)) as amount
from shares
