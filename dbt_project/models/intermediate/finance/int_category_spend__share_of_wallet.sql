-- one row per customer with category spend: our revenue in the same periods as a share of it.
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

everyone as (
    select
        customer_id,
        sum(amount) as spend
    from category_spend
    group by customer_id
),

-- on one day a period starts before that day's postings and ends after them
moments as (
    select
        customer_id,
        period_from as happened_on,
        1 as place,
        -1 as sign,
        cast(0 as numeric(18, 4)) as amount
    from category_spend
    union all
    select
        revenue.customer_id,
        revenue.booked_on as happened_on,
        2 as place,
        0 as sign,
        revenue.amount
    from revenue
    inner join everyone
        on revenue.customer_id = everyone.customer_id
    union all
    select
        customer_id,
        period_to as happened_on,
        3 as place,
        1 as sign,
        cast(0 as numeric(18, 4)) as amount
    from category_spend
),

running as (
    select
        customer_id,
        sign,
        sum(amount) over (
            partition by customer_id
            order by happened_on, place
        ) as revenue_so_far
    from moments
),

own as (
    select
        customer_id,
        sum(sign * revenue_so_far) as revenue
    from running
    group by customer_id
)

select
    everyone.customer_id,
    cast(own.revenue as numeric(18, 4)) as revenue_in_periods,
    cast(everyone.spend as numeric(18, 4)) as category_spend,
    case
        when everyone.spend > 0 then cast(own.revenue / everyone.spend as numeric(18, 4))
    end as share_of_wallet
from everyone
inner join own
    on everyone.customer_id = own.customer_id
