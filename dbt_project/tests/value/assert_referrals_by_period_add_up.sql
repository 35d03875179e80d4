-- A referral in no band's row, or in two, makes promoters look better or worse than those whom nobody asked.
-- In each grain the customers brought of all bands must be the kept referrals that have a date, and no customer may be in two bands.
with

kept as (
    select count(*) as referrals
    from {{ ref('fct_referrals') }}
    where
        is_kept
        and referred_on is not null
),

by_grain as (
    select
        period_grain,
        sum(customers_brought) as customers_brought
    from {{ ref('referral_value_by_period') }}
    group by period_grain
),

everyone as (
    select count(*) as customers from {{ ref('dim_customers') }}
),

in_bands as (
    select sum(customers_more) as customers from {{ ref('int_customers__band_changes') }}
)

select
    by_grain.period_grain as part,
    by_grain.customers_brought as found,
    kept.referrals as expected
from by_grain
cross join kept
where by_grain.customers_brought != kept.referrals
union all
select
    'customers in bands' as part,
    in_bands.customers as found,
    everyone.customers as expected
from in_bands
cross join everyone
where coalesce(in_bands.customers, 0) != everyone.customers
