-- one row per referral recorded by the as-of day: its latest version, with when both customers joined
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_referrals') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

latest as (
    {{ latest_version('versions') }}
),

resolved as (
    select
        latest._key as referral_key,
        latest.referral_id,
        {{ survivor_of('latest.referrer_customer_id', 'survivors_of_referrers') }} as referrer_customer_id,
        {{ survivor_of('latest.referred_customer_id', 'survivors_of_referred') }} as referred_customer_id,
        latest.would_have_come_anyway,
        latest.referred_on,
        latest.converted_on
    from latest
    left join survivors as survivors_of_referrers
        on latest.referrer_customer_id = survivors_of_referrers.customer_id
    left join survivors as survivors_of_referred
        on latest.referred_customer_id = survivors_of_referred.customer_id
)

select
    resolved.referral_key,
    resolved.referral_id,
    resolved.referrer_customer_id,
    resolved.referred_customer_id,
    resolved.would_have_come_anyway,
    resolved.referred_on,
    resolved.converted_on,
    referrers.joined_on as referrer_joined_on,
    referred.joined_on as referred_joined_on
from resolved
cross join current_build
left join customers as referrers
    on resolved.referrer_customer_id = referrers.customer_id
left join customers as referred
    on resolved.referred_customer_id = referred.customer_id
where
    resolved.referred_on < current_build.as_of_on
    or resolved.referred_on is null
