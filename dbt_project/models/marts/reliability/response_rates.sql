-- one row per programme × period grain × period × dimension × value in which somebody was asked, or could have been: what became of the
-- invitations, as AAPOR's rates, and how much of the eligible base they could reach. Made from counts that builds keep.
{{
    config(
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['response_rate_id'], 'unique': true}, {'columns': ['dimension', 'period_grain', 'period_starts_on']}],
    )
}}
{%- set counts = ['invitations_sent'] + response_classes() + ['eligible', 'covered'] %}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day
    from {{ source('ops', 'current_build') }} as ops_build
),

windows as (
    select rolling.*
    from ({{ rolling_windows() }}) as rolling
    inner join current_build
        on rolling.period_ends_on = current_build.last_day
),

cohorts as (
    select
        {{ cohort_columns() | join(',\n        ') }},
        coalesce(cohort_invitations, 0) as invitations_sent,
        coalesce(cohort_responses, 0) as completed,
        {{ response_classes()[1:] | join(',\n        ') }},
        cast(null as bigint) as eligible,
        cast(null as bigint) as covered
    from {{ ref('_cohort_counts') }}
    where dimension <> 'wave'
),

frames_by_day as (
    select
        programme,
        dimension,
        dimension_value,
        0 as invitations_sent,
        {%- for class in response_classes() %}
        0 as {{ class }},
        {%- endfor %}
        sum(eligible) as eligible,
        sum(covered) as covered,
        framed_on as dated_on
    from {{ ref('_frame_counts') }}
    group by
        programme,
        dimension,
        dimension_value,
        framed_on
),

frames as (
    {{ in_calendar_periods('frames_by_day', ['programme', 'dimension', 'dimension_value'] + counts) }}
),

by_period as (
    {%- for relation in ['cohorts', 'frames'] %}
    select
        {{ (cohort_columns() + counts) | join(',\n        ') }}
    from {{ relation }}
    where period_grain in ('month', 'quarter')
    union all
    select
        {{ relation }}.programme,
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on,
        {{ relation }}.dimension,
        {{ relation }}.dimension_value,
        {{ relation }}.{{ counts | join(',\n        ' ~ relation ~ '.') }}
    from {{ relation }}
    inner join windows
        on
            {{ relation }}.period_starts_on >= windows.period_starts_on
            and {{ relation }}.period_starts_on <= windows.period_ends_on
    where {{ relation }}.period_grain = 'day'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        {%- for column in counts %}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {%- endfor %}
        {{ cohort_columns() | join(',\n        ') }}
    from by_period
    group by
        {{ cohort_columns() | join(',\n        ') }}
),

totalled as (
    select
        *,
        completed + partial + refused + not_started + other + unknown as asked
    from counted
)

select
    {{ stable_id('response_rate', cohort_columns()) }} as response_rate_id,
    totalled.programme,
    totalled.period_grain,
    totalled.dimension,
    totalled.dimension_value,
    totalled.eligible,
    totalled.covered,
    {{ share_of('covered', 'eligible') }} as coverage,
    totalled.invitations_sent,
    {%- for class in response_classes() %}
    totalled.{{ class }},
    {%- endfor %}
    {%- for number in range(1, 7) %}
    {{ response_rate(number) }} as rr{{ number }},
    {%- endfor %}
    {{ share_of('completed', '(completed + partial + refused + other)') }} as cooperation_rate,
    {{ share_of('refused', 'asked') }} as refusal_rate,
    {{ share_of('completed + partial + refused + other', 'asked') }} as contact_rate,
    {{ share_of('completed', 'invitations_sent') }} as completed_of_sent,
    {{ add_days('totalled.period_ends_on', 'current_build.maturity_days') }} < current_build.as_of_on as is_mature,
    totalled.period_starts_on,
    totalled.period_ends_on
from totalled
cross join current_build
