-- one row per known customer who recommended us at least once: the customers brought directly and what they are worth
with

referrals as (
    select * from {{ ref('fct_referrals') }}
),

lifetime_values as (
    select * from {{ ref('customer_lifetime_values') }}
),

ranked as (
    select
        referrals.*,
        lifetime_values.lifetime_value_to_date,
        row_number() over (
            partition by referrals.referrer_customer_id
            order by
                referrals.is_kept desc,
                referrals.referred_on desc nulls last,
                referrals.referral_id desc,
                referrals.referral_key desc
        ) as recency
    from referrals
    inner join lifetime_values as referrers
        on referrals.referrer_customer_id = referrers.customer_id
    left join lifetime_values
        on
            referrals.referred_customer_id = lifetime_values.customer_id
            and referrals.is_kept
),

summed as (
    select
        referrer_customer_id as customer_id,
        max(case when recency = 1 and is_kept then referrer_band end) as band_when_referring,
        count(*) as referrals_recorded,
        sum(case when is_kept then 1 else 0 end) as referrals_kept,
        sum(case when is_kept and referrer_band = 'promoter' then 1 else 0 end) as referrals_as_promoter,
        sum(case when is_kept and referrer_band = 'passive' then 1 else 0 end) as referrals_as_passive,
        sum(case when is_kept and referrer_band = 'detractor' then 1 else 0 end) as referrals_as_detractor,
        sum(case when is_kept and referrer_band is null then 1 else 0 end) as referrals_without_answer,
        sum(case when is_kept and is_first_year_over then 1 else 0 end) as first_years_over,
        sum(first_year_margin) as direct_value_first_year,
        sum(lifetime_value_to_date) as direct_value_to_date,
        min(case when is_kept then referred_on end) as first_referred_on,
        max(case when is_kept then referred_on end) as last_referred_on
    from ranked
    group by referrer_customer_id
)

select * from summed
