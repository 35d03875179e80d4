-- one row per cohort cell whose counts this build changes: what is to be added to them (everything, when all is made anew).
-- A cohort holds the invitations whose days to be answered in are over; counts of days add up to those of longer periods.
-- Waves are a dimension here and in no mart: the flow of a period is that of the waves drawn in it.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = ['programme', 'invited_on', 'cohort_on'] + (survey_dimensions().values() | reject('equalto', "'all'") | list) %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

invitations as (
    select * from {{ ref('fct_survey_invitations') }}
),

{% if adds_to_kept_marts() -%}
before_this_build as (
    select * from {{ ref('int_survey_invitations__before') }}
),

changed as (
    select invitation_id from before_this_build
    union
    select invitation_id from {{ ref('int_survey_invitations__touched') }}
),
{%- endif %}

signed as (
    select
        1 as sign,
        invitations.{{ columns | join(',\n        invitations.') }},
        coalesce(invitations.wave, '') as wave_name,
        {{ response_class('invitations') }} as response_class
    from invitations
    cross join current_build
    {% if adds_to_kept_marts() -%}
    inner join changed
        on invitations.invitation_id = changed.invitation_id
    {%- endif %}
    where {{ add_days('invitations.cohort_on', 'current_build.maturity_days') }} < current_build.as_of_on
    {% if adds_to_kept_marts() -%}
    union all
    select
        -1 as sign,
        {{ columns | join(',\n        ') }},
        coalesce(wave, '') as wave_name,
        {{ response_class('before_this_build') }} as response_class
    from before_this_build
    where is_mature
    {%- endif %}
),

by_dimension as (
    {{ unpivot(
        'signed', ['sign', 'programme', 'response_class', 'invited_on', 'cohort_on'],
        dict(survey_dimensions(), wave='wave_name')
    ) }}
),

by_day as (
    select
        programme,
        dimension,
        dimension_value,
        {%- for class in response_classes() if class != 'completed' %}
        sum(case when response_class = '{{ class }}' then sign else 0 end) as {{ class }},
        {%- endfor %}
        sum(case when response_class = 'completed' then sign else 0 end) as cohort_responses,
        sum(case when invited_on is not null then sign else 0 end) as cohort_invitations,
        cohort_on as dated_on
    from by_dimension
    group by
        programme,
        dimension,
        dimension_value,
        cohort_on
),

placed as (
    {{ in_calendar_periods('by_day', ['programme', 'dimension', 'dimension_value'] + cohort_count_columns()) }}
),

counts as (
    select
        {%- for column in cohort_count_columns() %}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {%- endfor %}
        {{ cohort_columns() | join(',\n        ') }}
    from placed
    group by
        {{ cohort_columns() | join(',\n        ') }}
)

select
    {{ stable_id('cohort_cell', cohort_columns()) }} as cell_id,
    *
from counts
where
    {{ cohort_count_columns() | join(' <> 0\n    or ') }} <> 0
