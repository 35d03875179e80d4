-- one row per customer and period of category spend that is over: what the customer spent with everyone, and with us.
-- Our revenue of a period is the running total at its end less the running total before its start: one sort, where a
-- join on date ranges would pair every posting with every period.
with

category_spend as (
    select * from {{ ref('int_category_spend__latest') }}
),

revenue as (
    select * from {{ ref('int_revenue__latest') }}
    where is_converted
),

customers as (
    select distinct customer_id from category_spend
),

-- on one day a period starts before that day's postings and ends after them
moments as (
    select
        customer_id,
        category_spend_key,
        period_from as happened_on,
        1 as place,
        -1 as sign,
        cast(0 as numeric(18, 4)) as amount
    from category_spend
    union all
    select
        revenue.customer_id,
        null as category_spend_key,
        revenue.booked_on as happened_on,
        2 as place,
        0 as sign,
        revenue.amount
    from revenue
    inner join customers
        on revenue.customer_id = customers.customer_id
    union all
    select
        customer_id,
        category_spend_key,
        period_to as happened_on,
        3 as place,
        1 as sign,
        cast(0 as numeric(18, 4)) as amount
    from category_spend
),

running as (
    select
        category_spend_key,
        sign,
        sum(amount) over (
            partition by customer_id
            order by happened_on, place
        ) as revenue_so_far
    from moments
),

own as (
    select
        category_spend_key,
        sum(sign * revenue_so_far) as revenue
    from running
    where category_spend_key is not null
    group by category_spend_key
)

select
    category_spend.category_spend_key,
    category_spend.customer_id,
    category_spend.amount as category_spend,
    cast(own.revenue as numeric(18, 4)) as revenue,
    category_spend.period_from,
    category_spend.period_to
from category_spend
inner join own
    on category_spend.category_spend_key = own.category_spend_key
