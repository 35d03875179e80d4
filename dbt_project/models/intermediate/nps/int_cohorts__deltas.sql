-- one row per cohort cell whose counts this build changes: what is to be added to them (everything, when all is made anew).
-- A cohort holds the invitations whose days to be answered in are over; counts of days add up to those of longer periods.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = survey_dimensions().values() | reject('equalto', "'all'") | list %}

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
        invitations.programme,
        invitations.{{ columns | join(',\n        invitations.') }},
        invitations.is_completed_in_time,
        invitations.invited_on
    from invitations
    cross join current_build
    {% if adds_to_kept_marts() -%}
    inner join changed
        on invitations.invitation_id = changed.invitation_id
    {%- endif %}
    where {{ add_days('invitations.invited_on', 'current_build.maturity_days') }} < current_build.as_of_on
    {% if adds_to_kept_marts() -%}
    union all
    select
        -1 as sign,
        programme,
        {{ columns | join(',\n        ') }},
        is_completed_in_time,
        invited_on
    from before_this_build
    where is_mature
    {%- endif %}
),

by_dimension as (
    {{ unpivot('signed', ['sign', 'programme', 'is_completed_in_time', 'invited_on'], survey_dimensions()) }}
),

by_day as (
    select
        programme,
        dimension,
        dimension_value,
        invited_on as dated_on,
        sum(sign) as cohort_invitations,
        sum(case when is_completed_in_time then sign else 0 end) as cohort_responses
    from by_dimension
    group by
        programme,
        dimension,
        dimension_value,
        invited_on
),

placed as (
    {{ in_calendar_periods(
        'by_day', ['programme', 'dimension', 'dimension_value', 'cohort_invitations', 'cohort_responses']
    ) }}
),

counts as (
    select
        {{ cohort_columns() | join(',\n        ') }},
        cast(sum(cohort_invitations) as bigint) as cohort_invitations,
        cast(sum(cohort_responses) as bigint) as cohort_responses
    from placed
    group by
        {{ cohort_columns() | join(',\n        ') }}
)

select
    {{ stable_id('cohort_cell', cohort_columns()) }} as cell_id,
    *
from counts
where
    cohort_invitations <> 0
    or cohort_responses <> 0
