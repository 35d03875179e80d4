-- one row per day, from the first of January of the first year with an answer, invitation or interaction to the end of the as-of year
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

first_days as (
    select min(responded_on) as first_day from {{ ref('fct_survey_responses') }}
    union all
    select min(period_starts_on) as first_day from {{ ref('fct_survey_responses') }}
    union all
    select min(invited_on) as first_day from {{ ref('fct_survey_invitations') }}
    union all
    select min(occurred_on) as first_day from {{ ref('int_interactions__latest') }}
),

bounds as (
    select
        {{ period_start('coalesce(min(first_days.first_day), min(current_build.as_of_on))', 'year') }} as first_day,
        {{ add_days(add_periods(period_start('min(current_build.as_of_on)', 'year'), 1, 'year'), -1) }} as last_day
    from first_days
    cross join current_build
),

days as (
    {{ days_from_to('(select bounds.first_day from bounds)', '(select bounds.last_day from bounds)') }}
),

-- the fiscal year is named after the calendar year in which it ends
fiscal as (
    select
        days.date_day,
        {{ shifted_to_fiscal_year('days.date_day', 'current_build.fiscal_year_starts_month') }} as fiscal_day,
        current_build.fiscal_year_starts_month
    from days
    cross join current_build
)

select
    date_day,
    {{ weekday_name('date_day') }} as weekday_name,
    {{ weekday_number('date_day') }} as weekday_number,
    cast(extract(day from date_day) as integer) as day_of_month,
    cast(extract(month from date_day) as integer) as month_number,
    cast(extract(quarter from date_day) as integer) as quarter_number,
    cast(extract(year from date_day) as integer) as year_number,
    cast(extract(quarter from fiscal_day) as integer) as fiscal_quarter_number,
    cast(extract(year from fiscal_day) as integer)
    + case when fiscal_year_starts_month > 1 then 1 else 0 end as fiscal_year_number,
    {{ period_start('date_day', 'week') }} as week_starts_on,
    {{ period_start('date_day', 'month') }} as month_starts_on,
    {{ period_start('date_day', 'quarter') }} as quarter_starts_on,
    {{ period_start('date_day', 'year') }} as year_starts_on
from fiscal
