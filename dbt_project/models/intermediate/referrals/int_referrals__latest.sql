-- one row per referral recorded by the as-of day (its latest version), and per customer who told us of one in a survey:
-- the only place where the customer ids of referrals are read
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

named as (
    select * from {{ ref('int_referrals__named') }}
),

told as (
    select * from {{ ref('int_referrals__told') }}
),

latest as (
    {{ latest_version('versions') }}
),

resolved as (
    select
        latest._key as referral_key,
        latest.referral_id,
        'record' as origin,
        'record' as match_rule,
        cast(1 as numeric(3, 2)) as confidence,
        {{ survivor_of('latest.referrer_customer_id', 'survivors_of_referrers') }} as referrer_customer_id,
        {{ survivor_of('latest.referred_customer_id', 'survivors_of_referred') }} as referred_customer_id,
        null as why_no_edge,
        latest.would_have_come_anyway,
        latest.referred_on,
        latest.converted_on
    from latest
    left join survivors as survivors_of_referrers
        on latest.referrer_customer_id = survivors_of_referrers.customer_id
    left join survivors as survivors_of_referred
        on latest.referred_customer_id = survivors_of_referred.customer_id
),

-- nobody remembers the day of a recommendation: it is taken to be the day on which the customer came
told_of as (
    select
        {{ stable_id('told_referral', ['named.response_id']) }} as referral_key,
        cast(named.response_id as text) as referral_id,
        'survey' as origin,
        named.match_rule,
        named.confidence,
        named.referrer_customer_id,
        named.customer_id as referred_customer_id,
        named.why_no_edge,
        named.would_have_come_anyway,
        customers.joined_on as referred_on,
        customers.joined_on as converted_on
    from named
    inner join customers
        on named.customer_id = customers.customer_id
),

recorded as (
    select * from resolved
    union all
    select * from told_of
)

select
    recorded.referral_key,
    recorded.referral_id,
    recorded.origin,
    recorded.match_rule,
    recorded.confidence,
    recorded.referrer_customer_id,
    recorded.referred_customer_id,
    recorded.why_no_edge,
    -- the customer's own word fills what the record leaves open
    coalesce(recorded.would_have_come_anyway, told.would_have_come_anyway) as would_have_come_anyway,
    recorded.referred_on,
    recorded.converted_on,
    referrers.joined_on as referrer_joined_on,
    referred.joined_on as referred_joined_on
from recorded
cross join current_build
left join customers as referrers
    on recorded.referrer_customer_id = referrers.customer_id
left join customers as referred
    on recorded.referred_customer_id = referred.customer_id
left join told
    on recorded.referred_customer_id = told.customer_id
where
    recorded.referred_on < current_build.as_of_on
    or recorded.referred_on is null
