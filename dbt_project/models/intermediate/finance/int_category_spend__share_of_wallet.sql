-- one row per customer with category spend: our revenue in the same periods as a share of it
with

periods as (
    select * from {{ ref('int_category_spend__revenue') }}
),

summed as (
    select
        customer_id,
        sum(revenue) as revenue_in_periods,
        sum(category_spend) as category_spend
    from periods
    group by customer_id
)

select
    customer_id,
    revenue_in_periods,
    category_spend,
    case when category_spend > 0 then cast(revenue_in_periods / category_spend as numeric(18, 4)) end as share_of_wallet
from summed
