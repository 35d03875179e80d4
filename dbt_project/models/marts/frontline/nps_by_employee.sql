-- one row per employee × programme × metric × period grain × period in which somebody answered: the weeks, months and quarters of about
-- the last 400 days, and the 90 days that end with as_of. Hidden and indicative as everywhere: a few answers say little of anybody.
-- Made anew by each build from these days alone. Read under row-level security.
{{
    config(
        post_hook=["{{ own_rows_and_led_units() }}", "{{ analyze() }}"],
        indexes=[{'columns': ['cell_id'], 'unique': true}, {'columns': ['employee_id']}],
    )
}}
{%- set columns = ['response_id', 'customer_id', 'employee_id', 'programme', 'metric', 'population', 'band', 'responded_at'] %}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day,
        {{ period_start(add_days('ops_build.as_of_on', -400), 'quarter') }} as first_day
    from {{ source('ops', 'current_build') }} as ops_build
),

windows as (
    {{ rolling_windows() }}
),

responses as (
    select
        1 as sign,
        responses.*,
        responses.responded_on as dated_on,
        current_build.first_day
    from {{ ref('fct_employee_responses') }} as responses
    inner join current_build
        on responses.responded_on >= current_build.first_day
    where responses.excluded_reason is null
),

in_periods as (
    {{ in_calendar_periods('responses', ['sign'] + columns + ['first_day']) }}
),

placed as (
    select
        sign,
        {{ columns | join(',\n        ') }},
        period_grain,
        period_starts_on,
        period_ends_on
    from in_periods
    where
        period_grain in ('week', 'month', 'quarter')
        -- no period of which only the end is read
        and period_starts_on >= first_day
    union all
    select
        responses.sign,
        responses.{{ columns | join(',\n        responses.') }},
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on
    from responses
    inner join windows
        on
            responses.responded_on >= windows.period_starts_on
            and responses.responded_on <= windows.period_ends_on
),

{{ ctes_from_placed_answers_to_counts('all_counts', {'employee': 'employee_id'}) }},

invitations as (
    select
        invitations.programme,
        interactions.employee_id,
        invitations.is_completed_in_time,
        invitations.invited_on as dated_on
    from {{ ref('fct_survey_invitations') }} as invitations
    inner join {{ ref('int_interactions__latest') }} as interactions
        on invitations.interaction_id = interactions.interaction_id
    inner join current_build
        on
            invitations.invited_on >= current_build.first_day
            and {{ add_days('invitations.invited_on', 'current_build.maturity_days') }} < current_build.as_of_on
    where interactions.employee_id is not null
),

invitations_in_periods as (
    {{ in_calendar_periods('invitations', ['programme', 'employee_id', 'is_completed_in_time']) }}
    union all
    select
        invitations.programme,
        invitations.employee_id,
        invitations.is_completed_in_time,
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on
    from invitations
    inner join windows
        on
            invitations.dated_on >= windows.period_starts_on
            and invitations.dated_on <= windows.period_ends_on
),

cohorts as (
    select
        programme,
        employee_id,
        period_grain,
        period_starts_on,
        cast(count(*) as bigint) as cohort_invitations,
        cast(sum(case when is_completed_in_time then 1 else 0 end) as bigint) as cohort_responses
    from invitations_in_periods
    group by
        programme,
        employee_id,
        period_grain,
        period_starts_on
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

counts as (
    select all_counts.*
    from all_counts
    cross join current_build
    where
        all_counts.period_grain <> 'rolling_90_days'
        or all_counts.period_ends_on = current_build.last_day
),

paired as (
    select
        {{ paired_columns('counts', 'earlier_counts', 'cohorts') }}
    from counts
    left join all_counts as earlier_counts
        on
            counts.programme = earlier_counts.programme
            and counts.metric = earlier_counts.metric
            and counts.period_grain = earlier_counts.period_grain
            and counts.dimension_value = earlier_counts.dimension_value
            and counts.period_starts_on = {{ add_days('earlier_counts.period_ends_on', 1) }}
    left join cohorts
        on
            counts.programme = cohorts.programme
            and counts.dimension_value = cohorts.employee_id
            and counts.period_grain = cohorts.period_grain
            and counts.period_starts_on = cohorts.period_starts_on
    left join methods
        on {{ is_period_of('methods', 'counts') }}
),

{{ ctes_from_counts_to_scores() }}

select
    {{ stable_id('nps_employee', [
        'scored.dimension_value', 'scored.programme', 'scored.metric', 'scored.period_grain', 'scored.period_starts_on'
    ]) }} as cell_id,
    scored.dimension_value as employee_id,
    employees.org_unit_id,
    employees.unit_path,
    scored.programme,
    scored.metric,
    scored.period_grain,
    scored.survey_method,
    scored.reporting,
    scored.responses,
    scored.promoters,
    scored.passives,
    scored.detractors,
    scored.nps,
    scored.nps_low,
    scored.nps_high,
    scored.n_effective,
    scored.cohort_invitations,
    scored.cohort_responses,
    scored.response_rate,
    scored.change,
    scored.change_is_significant,
    scored.is_method_break,
    scored.period_starts_on,
    scored.period_ends_on
from scored
left join {{ ref('int_employees__today') }} as employees
    on scored.dimension_value = employees.employee_id
