-- one row per programme × period (month, and the 90 days that end with as_of) × step × next step: how many went from one to the other, from
-- the eligible base of the waves drawn in the period to complete answers. What was not drawn by a wave of ours begins where it was asked.
-- As many leave each step as reach it.
{{ config(indexes=[{'columns': ['flow_id'], 'unique': true}]) }}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day
    from {{ source('ops', 'current_build') }} as ops_build
),

frames as (
    select * from {{ ref('survey_frame_coverage') }}
),

cohorts as (
    select * from {{ ref('_cohort_counts') }}
    where dimension = 'wave'
),

drawn as (
    select
        programme,
        wave,
        sum(case when outcome = 'drawn' then candidates else 0 end) as drawn,
        min(as_of_on) as dated_on
    from frames
    group by
        programme,
        wave
),

of_frames as (
    select
        programme,
        case
            when
                reason in ({{ not_of_the_population() }})
                then 'candidates'
            else 'eligible'
        end as from_step,
        case
            when
                outcome = 'turned_away'
                and reason in ({{ lost_a_draw() }})
                then 'not drawn'
            when outcome = 'turned_away' then reason
            when outcome = 'not_drawn' then 'not drawn'
            else outcome
        end as to_step,
        candidates as invitations,
        as_of_on as dated_on
    from frames
),

-- a wave's invitations, whichever day they went out: each is in the cohort of one year
of_waves as (
    select
        {%- for class in response_classes()[1:] %}
        sum(cohorts.{{ class }}) as {{ class }},
        {%- endfor %}
        sum(coalesce(cohorts.cohort_responses, 0)) as completed,
        cohorts.programme,
        cohorts.dimension_value as wave
    from cohorts
    where
        cohorts.period_grain = 'year'
        and cohorts.dimension_value <> ''
    group by
        cohorts.programme,
        cohorts.dimension_value
),

-- a recovery survey has a wave and no frame
placed as (
    select
        coalesce(drawn.programme, of_waves.programme) as programme,
        'drawn' as asked_from,
        drawn.drawn,
        {%- for class in response_classes() %}
        coalesce(of_waves.{{ class }}, 0) as {{ class }},
        {%- endfor %}
        drawn.dated_on
    from drawn
    left join of_waves
        on
            drawn.programme = of_waves.programme
            and drawn.wave = of_waves.wave
    union all
    select
        cohorts.programme,
        case when cohorts.dimension_value = '' then 'invited by others' else 'invited without a frame' end as asked_from,
        cast(null as bigint) as drawn,
        {%- for class in response_classes() %}
        {{ 'coalesce(cohorts.cohort_responses, 0)' if class == 'completed' else 'cohorts.' ~ class }},
        {%- endfor %}
        cohorts.period_starts_on as dated_on
    from cohorts
    left join drawn
        on
            cohorts.programme = drawn.programme
            and cohorts.dimension_value = drawn.wave
    where
        cohorts.period_grain = 'day'
        and drawn.wave is null
),

steps as (
    select
        programme,
        from_step,
        to_step,
        invitations,
        dated_on
    from of_frames
    union all
    select
        programme,
        'candidates' as from_step,
        'eligible' as to_step,
        invitations,
        dated_on
    from of_frames
    where from_step = 'eligible'
    {%- set asked = response_classes() | reject('in', ['not_sent', 'not_eligible']) | list %}
    union all
    select
        programme,
        asked_from,
        'asked' as to_step,
        {{ asked | join(' + ') }} as invitations,
        dated_on
    from placed
    {%- for class in ['not_sent', 'not_eligible'] %}
    union all
    select
        programme,
        asked_from,
        '{{ class | replace("_", " ") }}' as to_step,
        {{ class }} as invitations,
        dated_on
    from placed
    {%- endfor %}
    union all
    -- still to be sent, or to be answered
    select
        programme,
        asked_from,
        'not over yet' as to_step,
        drawn - ({{ response_classes() | join(' + ') }}) as invitations,
        dated_on
    from placed
    where drawn is not null
    {%- for class in asked %}
    union all
    select
        programme,
        'asked' as from_step,
        '{{ class | replace("_", " ") }}' as to_step,
        {{ class }} as invitations,
        dated_on
    from placed
    {%- endfor %}
),

windows as (
    select rolling.*
    from ({{ rolling_windows() }}) as rolling
    inner join current_build
        on rolling.period_ends_on = current_build.last_day
),

calendar as (
    {{ in_calendar_periods('steps', ['programme', 'from_step', 'to_step', 'invitations']) }}
),

in_periods as (
    select
        programme,
        from_step,
        to_step,
        invitations,
        period_grain,
        period_starts_on,
        period_ends_on
    from calendar
    where period_grain = 'month'
    union all
    select
        steps.programme,
        steps.from_step,
        steps.to_step,
        steps.invitations,
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on
    from steps
    inner join windows
        on
            steps.dated_on >= windows.period_starts_on
            and steps.dated_on <= windows.period_ends_on
),

counted as (
    select
        programme,
        period_grain,
        period_starts_on,
        period_ends_on,
        from_step,
        to_step,
        cast(sum(invitations) as bigint) as invitations
    from in_periods
    group by
        programme,
        period_grain,
        period_starts_on,
        period_ends_on,
        from_step,
        to_step
)

select
    {{ stable_id('response_flow', [
        'programme', 'period_grain', 'period_starts_on', 'period_ends_on', 'from_step', 'to_step'
    ]) }} as flow_id,
    programme,
    period_grain,
    from_step,
    to_step,
    invitations,
    period_starts_on,
    period_ends_on
from counted
where invitations > 0
