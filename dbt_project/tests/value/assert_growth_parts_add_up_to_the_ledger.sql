-- Growth whose parts do not add up to finance's books is growth that somebody made up, and nobody would believe the rest.
-- Each period must hold what the ledger booked in it, and all periods of a grain with what is booked since the whole ledger.
with

growth as (
    select * from {{ ref('earned_growth') }}
),

booked as (
    select
        booked_on,
        sum(amount) as amount
    from {{ ref('int_revenue__latest') }}
    where is_converted
    group by booked_on
),

ledger as (
    select coalesce(sum(amount), 0) as amount
    from {{ ref('ledger_reconciliation') }}
    where ledger = 'revenue'
),

by_period as (
    select
        growth.period_grain,
        growth.period_starts_on,
        growth.{{ growth_parts() | join('_revenue + growth.') }}_revenue as amount,
        coalesce(sum(booked.amount), 0) as expected
    from growth
    left join booked
        on booked.booked_on between growth.period_starts_on and growth.period_ends_on
    group by
        growth.period_grain,
        growth.period_starts_on,
        growth.{{ growth_parts() | join('_revenue,\n        growth.') }}_revenue
),

ends as (
    select
        period_grain,
        max(period_ends_on) as last_day,
        sum(revenue) as revenue
    from growth
    group by period_grain
),

in_all as (
    select
        ends.period_grain,
        cast(null as date) as period_starts_on,
        ends.revenue + coalesce(sum(booked.amount), 0) as amount,
        ledger.amount as expected
    from ends
    cross join ledger
    left join booked
        on ends.last_day < booked.booked_on
    group by
        ends.period_grain,
        ends.revenue,
        ledger.amount
),

checked as (
    select * from by_period
    union all
    select * from in_all
)

select * from checked
where amount <> expected
