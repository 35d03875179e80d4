-- one row per recorded referral: kept, with its place in the tree and what it brought, or dropped, with the reason
with

referrals as (
    select * from {{ ref('int_referrals__judged') }}
),

tree as (
    select * from {{ ref('int_referrals__tree') }}
),

first_years as (
    select * from {{ ref('int_referrals__first_year') }}
),

referrer_bands as (
    select * from {{ ref('int_referrals__referrer_bands') }}
),

edges as (
    select
        referrals.referral_key,
        referrals.referral_id,
        referrals.origin,
        case when referrals.origin = 'survey' then referrals.match_rule end as match_rule,
        referrals.referrer_customer_id,
        referrals.referred_customer_id,
        tree.root_customer_id,
        referrer_bands.response_id as referrer_response_id,
        referrer_bands.band as referrer_band,
        -- type 1 and 2 of Kumar, Petersen and Leone: whether the value of the customer counts, or the saved acquisition cost alone
        case
            when referrals.why_dropped is not null then null
            when referrals.would_have_come_anyway then 'type 2'
            when not referrals.would_have_come_anyway then 'type 1'
            else 'unknown'
        end as referral_type,
        referrals.why_dropped,
        referrals.confidence,
        tree.depth,
        case when referrals.why_dropped is null then first_years.margin end as first_year_margin,
        referrals.why_dropped is null as is_kept,
        case when referrals.why_dropped is null then first_years.is_over end as is_first_year_over,
        referrals.would_have_come_anyway,
        referrals.referred_on,
        referrals.converted_on,
        referrals.referred_joined_on
    from referrals
    left join tree
        on referrals.referral_key = tree.referral_key
    left join first_years
        on referrals.referred_customer_id = first_years.customer_id
    left join referrer_bands
        on referrals.referral_key = referrer_bands.referral_key
)

select * from edges
