-- one row per month, quarter and year (of the fiscal year) that is over, from the first posting of revenue on.
-- is_covered: the ledger's first posting lies at most a twentieth of the period after its start, and its last one at most as long
-- before its end; what came before or after the ledger must not look like growth.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

ledger as (
    select
        min(booked_on) as first_booked_on,
        max(booked_on) as last_booked_on
    from {{ ref('int_revenue__latest') }}
    where is_converted
),

days as (
    {{ days_from_to(
        '(select ledger.first_booked_on from ledger)', '(select current_build.as_of_on from current_build)'
    ) }}
),

starts as (
    {%- for grain in growth_grains() %}
    select distinct
        '{{ grain }}' as period_grain,
        {{ fiscal_period_start('days.date_day', grain, 'current_build.fiscal_year_starts_month') }} as period_starts_on
    from days
    cross join current_build
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

periods as (
    select
        period_grain,
        period_starts_on,
        {{ add_days(shifted_period_start('period_starts_on', 1), -1) }} as period_ends_on
    from starts
)

select
    periods.period_grain,
    {{ days_between('periods.period_starts_on', 'ledger.first_booked_on') }} * 20
    <= {{ days_between('periods.period_starts_on', 'periods.period_ends_on') }} + 1
    and {{ days_between('ledger.last_booked_on', 'periods.period_ends_on') }} * 20
    <= {{ days_between('periods.period_starts_on', 'periods.period_ends_on') }} + 1 as is_covered,
    periods.period_starts_on,
    periods.period_ends_on
from periods
cross join ledger
cross join current_build
where periods.period_ends_on < current_build.as_of_on
