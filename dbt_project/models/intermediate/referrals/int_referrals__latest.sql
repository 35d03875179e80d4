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

latest as (
    {{ latest_version('versions') }}
)

select
    latest._key as referral_key,
    latest.referral_id,
    latest.referrer_customer_id,
    latest.referred_customer_id,
    latest.would_have_come_anyway,
    latest.referred_on,
    latest.converted_on,
    referrers.joined_on as referrer_joined_on,
    referred.joined_on as referred_joined_on
from latest
cross join current_build
left join customers as referrers
    on latest.referrer_customer_id = referrers.customer_id
left join customers as referred
    on latest.referred_customer_id = referred.customer_id
where
    latest.referred_on < current_build.as_of_on
    or latest.referred_on is null
