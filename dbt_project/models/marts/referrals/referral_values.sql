-- one row per known customer who recommended us at least once: the customers brought, directly and in turn, and what they are worth
with

ledger as (
    {{ analysed_in_build('referral_ledger') }}
),

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
        sum(case when referral_type = 'type 1' then 1 else 0 end) as referrals_type_1,
        sum(case when referral_type = 'type 2' then 1 else 0 end) as referrals_type_2,
        sum(case when referral_type = 'unknown' then 1 else 0 end) as referrals_type_unknown,
        sum(case when is_kept and is_first_year_over then 1 else 0 end) as first_years_over,
        sum(first_year_margin) as direct_value_first_year,
        sum(lifetime_value_to_date) as direct_value_to_date,
        min(case when is_kept then referred_on end) as first_referred_on,
        max(case when is_kept then referred_on end) as last_referred_on
    from ranked
    group by referrer_customer_id
)

select
    summed.customer_id,
    summed.band_when_referring,
    summed.referrals_recorded,
    summed.referrals_kept,
    summed.referrals_as_promoter,
    summed.referrals_as_passive,
    summed.referrals_as_detractor,
    summed.referrals_without_answer,
    summed.referrals_type_1,
    summed.referrals_type_2,
    summed.referrals_type_unknown,
    summed.first_years_over,
    summed.direct_value_first_year,
    summed.direct_value_to_date,
    ledger.tree_value as tree_value_to_date,
    ledger.ledger_value,
    ledger.referral_value_low,
    ledger.referral_value_high,
    summed.first_referred_on,
    summed.last_referred_on
from summed
left join ledger
    on summed.customer_id = ledger.customer_id
