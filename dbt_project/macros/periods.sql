{# From a relation with the date `dated_on`, one row per row and calendar grain: period_grain, period_starts_on, period_ends_on. #}
{% macro in_calendar_periods(relation, columns) -%}
    {%- for grain in calendar_grains() %}
    select
        {{ columns | join(',\n        ') }},
        '{{ grain }}' as period_grain,
        {{ period_start('dated_on', grain) }} as period_starts_on,
        {{ add_days(add_periods(period_start('dated_on', grain), 1, grain), -1) }} as period_ends_on
    from {{ relation }}
    where dated_on is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# First day of the period that lies `count` periods of the column period_grain from the one that starts on a date. #}
{% macro shifted_period_start(date, count) -%}
    case period_grain
        {%- for grain in calendar_grains() %}
        when '{{ grain }}' then {{ add_periods(date, count, grain) }}
        {%- endfor %}
    end
{%- endmacro %}

{# The 90 days that end with as_of and the 90 days before them, which do not overlap. #}
{% macro rolling_windows() -%}
    {%- set last_day = last_company_date_before('as_of', 'company_timezone') -%}
    select
        'rolling_90_days' as period_grain,
        {{ add_days(last_day, -89) }} as period_starts_on,
        {{ last_day }} as period_ends_on
    from {{ source('ops', 'current_build') }}
    union all
    select
        'rolling_90_days' as period_grain,
        {{ add_days(last_day, -179) }} as period_starts_on,
        {{ add_days(last_day, -90) }} as period_ends_on
    from {{ source('ops', 'current_build') }}
{%- endmacro %}
