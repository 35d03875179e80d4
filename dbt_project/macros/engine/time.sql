{# Calendar arithmetic that engines write differently. Dates are company dates, moments are timestamps with a zone. #}

{# The date that a moment has in a timezone. #}
{% macro company_date(moment, timezone) %}{{ return(adapter.dispatch('company_date')(moment, timezone)) }}{% endmacro %}

{% macro postgres__company_date(moment, timezone) -%}
    cast(timezone({{ timezone }}, {{ moment }}) as date)
{%- endmacro %}

{# The moment at which a date begins in a timezone. #}
{% macro start_of_day(date, timezone) %}{{ return(adapter.dispatch('start_of_day')(date, timezone)) }}{% endmacro %}

{% macro postgres__start_of_day(date, timezone) -%}
    timezone({{ timezone }}, cast({{ date }} as timestamp))
{%- endmacro %}

{# The last date that has a moment before this one: of a midnight it is the day before. #}
{% macro last_company_date_before(moment, timezone) %}
{{ return(adapter.dispatch('last_company_date_before')(moment, timezone)) }}
{% endmacro %}

{% macro postgres__last_company_date_before(moment, timezone) -%}
    cast(timezone({{ timezone }}, {{ moment }} - interval '1 microsecond') as date)
{%- endmacro %}

{# Whole days from one date to another. #}
{% macro days_between(from_date, to_date) %}{{ return(adapter.dispatch('days_between')(from_date, to_date)) }}{% endmacro %}

{% macro postgres__days_between(from_date, to_date) -%}
    ({{ to_date }} - {{ from_date }})
{%- endmacro %}

{# A date moved by a number (or column) of days. #}
{% macro add_days(date, days) %}{{ return(adapter.dispatch('add_days')(date, days)) }}{% endmacro %}

{% macro postgres__add_days(date, days) -%}
    ({{ date }} + cast({{ days }} as integer))
{%- endmacro %}

{# A date moved by a fixed number of day, week, month, quarter or year; the end of a month is kept inside the month. #}
{% macro add_periods(date, count, grain) %}{{ return(adapter.dispatch('add_periods')(date, count, grain)) }}{% endmacro %}

{% macro postgres__add_periods(date, count, grain) -%}
    {%- set months = {'month': 1, 'quarter': 3, 'year': 12} -%}
    {%- if grain in months -%}
    cast({{ date }} + interval '{{ count * months[grain] }} months' as date)
    {%- else -%}
    ({{ date }} + {{ count * {'day': 1, 'week': 7}[grain] }})
    {%- endif -%}
{%- endmacro %}

{# A moment moved by a number (or column) of days of 24 hours. #}
{% macro add_days_to_moment(moment, days) %}{{ return(adapter.dispatch('add_days_to_moment')(moment, days)) }}{% endmacro %}

{% macro postgres__add_days_to_moment(moment, days) -%}
    ({{ moment }} + {{ days }} * interval '24 hours')
{%- endmacro %}

{# First day of the period of a grain that holds the date; weeks start on Monday. #}
{% macro period_start(date, grain) -%}
    cast({{ dbt.date_trunc(grain, date) }} as date)
{%- endmacro %}

{# Hours from one moment to another, to two decimals. #}
{% macro hours_between(from_moment, to_moment) %}{{ return(adapter.dispatch('hours_between')(from_moment, to_moment)) }}{% endmacro %}

{% macro postgres__hours_between(from_moment, to_moment) -%}
    cast(round(extract(epoch from {{ to_moment }} - {{ from_moment }}) / 3600, 2) as numeric(18, 2))
{%- endmacro %}

{# Rows of one column, `date_day`: every date from one to another, both in. #}
{% macro days_from_to(from_date, to_date) %}{{ return(adapter.dispatch('days_from_to')(from_date, to_date)) }}{% endmacro %}

{% macro postgres__days_from_to(from_date, to_date) -%}
    select cast(days.day_start as date) as date_day
    from generate_series(cast({{ from_date }} as timestamp), cast({{ to_date }} as timestamp), interval '1 day') as days (day_start)
{%- endmacro %}

{# A date moved back so far that the fiscal year, which starts with a given month, starts in January. #}
{% macro shifted_to_fiscal_year(date, starts_month) %}
{{ return(adapter.dispatch('shifted_to_fiscal_year')(date, starts_month)) }}
{% endmacro %}

{% macro postgres__shifted_to_fiscal_year(date, starts_month) -%}
    cast(date_trunc('month', {{ date }}) - make_interval(months => {{ starts_month }} - 1) as date)
{%- endmacro %}

{# First day of the month, quarter or year that holds the date, in a fiscal year that starts with a given month. #}
{% macro fiscal_period_start(date, grain, starts_month) %}
{{ return(adapter.dispatch('fiscal_period_start')(date, grain, starts_month)) }}
{% endmacro %}

{% macro postgres__fiscal_period_start(date, grain, starts_month) -%}
    cast(
        date_trunc('{{ grain }}', date_trunc('month', {{ date }}) - make_interval(months => {{ starts_month }} - 1))
        + make_interval(months => {{ starts_month }} - 1) as date
    )
{%- endmacro %}

{# English name of a weekday. #}
{% macro weekday_name(date) %}{{ return(adapter.dispatch('weekday_name')(date)) }}{% endmacro %}

{% macro postgres__weekday_name(date) -%}
    trim(to_char({{ date }}, 'Day'))
{%- endmacro %}

{# 1 for Monday to 7 for Sunday. #}
{% macro weekday_number(date) %}{{ return(adapter.dispatch('weekday_number')(date)) }}{% endmacro %}

{% macro postgres__weekday_number(date) -%}
    cast(extract(isodow from {{ date }}) as integer)
{%- endmacro %}
