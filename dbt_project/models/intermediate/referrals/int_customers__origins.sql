-- one row per customer: whether somebody's recommendation brought the customer, and how we know.
-- A referral that was recorded or traced counts first, then the customer's own word, then the CRM's.
with

customers as (
    select * from {{ ref('int_customers__latest') }}
),

-- a recommender whom nobody knows is still somebody who recommended us
referrals as (
    select
        referred_customer_id as customer_id,
        max(case when why_dropped is null then 1 else 0 end) = 1 as is_referrer_known
    from {{ ref('int_referrals__judged') }}
    where
        why_dropped is null
        or why_dropped = 'unknown customer'
    group by referred_customer_id
),

told as (
    select * from {{ ref('int_referrals__told') }}
),

said as (
    select
        customers.customer_id,
        case
            when referrals.is_referrer_known then 'referral'
            when not referrals.is_referrer_known then 'referral, referrer unknown'
        end as referral,
        {{ origin_of('told.heard_from') }} as survey,
        {{ origin_of('customers.heard_from') }} as heard_from,
        {{ origin_of('customers.acquisition_channel') }} as channel
    from customers
    left join referrals
        on customers.customer_id = referrals.customer_id
    left join told
        on customers.customer_id = told.customer_id
)

select
    customer_id,
    coalesce(case when referral is not null then 'referred' end, survey, heard_from, channel, 'unknown') as origin,
    coalesce(
        referral,
        case when survey is not null then 'survey' end,
        case when heard_from is not null then 'heard from, according to the CRM' end,
        case when channel is not null then 'acquisition channel' end
    ) as how_known
from said
