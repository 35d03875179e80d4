-- one row per quarter or year in which customers were referred, and band of the referrer at the time:
-- what those brought who thought so of us. Association: a promoter may refer for reasons that are not the score.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

referrals as (
    select
        referrals.referrer_customer_id,
        coalesce(referrals.referrer_band, 'never_answered') as band,
        referrals.is_kept,
        referrals.is_first_year_over,
        referrals.first_year_margin,
        customers.lifetime_value_to_date,
        referrals.referred_on as dated_on
    from {{ ref('fct_referrals') }} as referrals
    left join {{ ref('int_customers__values') }} as customers
        on
            referrals.referred_customer_id = customers.customer_id
            and referrals.is_kept
    where referrals.referrer_customer_id is not null
),

dated as (
    select *
    from (
        {{ in_calendar_periods('referrals', [
            'referrer_customer_id', 'band', 'is_kept', 'is_first_year_over', 'first_year_margin', 'lifetime_value_to_date',
        ]) }}
    ) as in_periods
    where period_grain in ('quarter', 'year')
),

-- the referrer is the unit: what one of them brought is not independent
by_referrer as (
    select
        period_grain,
        period_starts_on,
        period_ends_on,
        band,
        referrer_customer_id,
        count(*) as referrals_made,
        sum(case when is_kept then 1 else 0 end) as brought,
        sum(case when is_kept and is_first_year_over then 1 else 0 end) as first_years_over,
        sum(case when is_kept and is_first_year_over then first_year_margin end) as first_year_margin,
        sum(lifetime_value_to_date) as value_to_date
    from dated
    group by
        period_grain,
        period_starts_on,
        period_ends_on,
        band,
        referrer_customer_id
),

summed as (
    select
        period_grain,
        period_starts_on,
        period_ends_on,
        band,
        sum(referrals_made) as referrals_made,
        sum(case when brought > 0 then 1 else 0 end) as referrers,
        sum(brought) as brought_amount,
        sum(brought * brought) as brought_amount_squared,
        sum(case when first_years_over > 0 then 1 else 0 end) as first_year_n,
        sum(first_years_over) as first_year_exposure,
        sum(first_years_over * first_years_over) as first_year_exposure_squared,
        sum(first_year_margin) as first_year_amount,
        sum(first_year_margin * first_year_margin) as first_year_amount_squared,
        sum(first_year_margin * first_years_over) as first_year_product,
        sum(value_to_date) as value_to_date
    from by_referrer
    group by
        period_grain,
        period_starts_on,
        period_ends_on,
        band
),

periods as (
    select distinct
        period_grain,
        period_starts_on,
        period_ends_on
    from summed
),

changes as (
    select * from {{ ref('int_customers__band_changes') }}
),

-- customers of the band halfway between those at the period's start and those at its end, or at the as-of day where it still runs
populated as (
    select
        periods.period_grain,
        periods.period_starts_on,
        periods.period_ends_on,
        changes.band,
        sum(
            changes.customers_more * (
                case when changes.changed_on <= periods.period_starts_on then 0.5 else 0 end
                + case when changes.changed_on <= periods.period_ends_on then 0.5 else 0 end
            )
        ) as customers
    from periods
    cross join changes
    group by
        periods.period_grain,
        periods.period_starts_on,
        periods.period_ends_on,
        changes.band
),

joined as (
    select
        populated.period_grain,
        populated.period_starts_on,
        populated.period_ends_on,
        populated.band,
        populated.customers,
        coalesce(summed.referrals_made, 0) as referrals_made,
        coalesce(summed.referrers, 0) as referrers,
        populated.customers as brought_n,
        populated.customers as brought_exposure,
        populated.customers as brought_exposure_squared,
        coalesce(summed.brought_amount, 0) as brought_amount,
        coalesce(summed.brought_amount, 0) as brought_product,
        coalesce(summed.brought_amount_squared, 0) as brought_amount_squared,
        coalesce(summed.first_year_n, 0) as first_year_n,
        coalesce(summed.first_year_exposure, 0) as first_year_exposure,
        summed.first_year_exposure_squared,
        summed.first_year_amount,
        summed.first_year_amount_squared,
        summed.first_year_product,
        summed.value_to_date
    from populated
    left join summed
        on
            populated.period_grain = summed.period_grain
            and populated.period_starts_on = summed.period_starts_on
            and populated.band = summed.band
    where
        populated.customers > 0
        or summed.referrals_made > 0
),

rated as (
    select
        *,
        brought_amount / nullif(brought_exposure, 0) as brought,
        first_year_amount / nullif(first_year_exposure, 0) as first_year
    from joined
),

bounded as (
    select
        rated.*,
        {{ ratio_half_width('brought') }} as brought_half_width,
        {{ ratio_half_width('first_year') }} as first_year_half_width,
        rated.customers >= current_build.hidden_below as is_rate_shown,
        rated.first_year_n >= current_build.hidden_below as is_margin_shown,
        rated.referrers >= current_build.hidden_below as is_value_shown,
        rated.period_ends_on < current_build.as_of_on as is_over
    from rated
    cross join current_build
)

select
    {{ stable_id('referral_value_by_period', ['period_grain', 'period_starts_on', 'band']) }} as referral_value_by_period_id,
    period_grain,
    band,
    cast(round(customers) as bigint) as customers,
    cast(referrals_made as bigint) as referrals_made,
    cast(referrers as bigint) as referrers,
    cast(brought_amount as bigint) as customers_brought,
    cast(first_year_n as bigint) as first_year_margin_n,
    cast(first_year_exposure as bigint) as first_years_over,
    cast(case when is_rate_shown then 100 * brought end as numeric(18, 4)) as brought_per_100,
    cast(case when is_rate_shown then 100 * greatest(brought - brought_half_width, 0) end as numeric(18, 4)) as brought_per_100_low,
    cast(
        case
            when not is_rate_shown then null
            when brought_amount = 0 then 100 * {{ no_event_high('brought') }}
            else 100 * (brought + brought_half_width)
        end as numeric(18, 4)
    ) as brought_per_100_high,
    cast(case when is_margin_shown then first_year end as numeric(18, 4)) as first_year_margin,
    cast(case when is_margin_shown then first_year - first_year_half_width end as numeric(18, 4)) as first_year_margin_low,
    cast(case when is_margin_shown then first_year + first_year_half_width end as numeric(18, 4)) as first_year_margin_high,
    cast(case when is_value_shown then value_to_date end as numeric(18, 4)) as value_to_date,
    is_over,
    period_starts_on,
    period_ends_on
from bounded
