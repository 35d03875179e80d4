-- one row per cell of nps_current, without what analyses add: the 90 days that end with as_of, against the 90 days before them.
-- A programme whose answers have no dates shows its latest declared period instead.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day
    from {{ source('ops', 'current_build') }} as ops_build
),

invitations as (
    select * from {{ ref('fct_survey_invitations') }}
),

kept_counts as (
    select * from {{ ref('_nps_counts') }}
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

rolling_counts as (
    select * from {{ ref('int_nps__rolling_counts') }}
),

dated_programmes as (
    select distinct
        programme,
        metric
    from kept_counts
    where
        period_grain = 'year'
        and dimension = 'all'
),

latest_declared as (
    select
        kept_counts.programme,
        kept_counts.metric,
        kept_counts.period_starts_on,
        kept_counts.period_ends_on,
        row_number() over (
            partition by kept_counts.programme, kept_counts.metric
            order by kept_counts.period_ends_on desc, kept_counts.period_starts_on desc
        ) as recency
    from kept_counts
    left join dated_programmes
        on
            kept_counts.programme = dated_programmes.programme
            and kept_counts.metric = dated_programmes.metric
    where
        kept_counts.period_grain = 'declared'
        and kept_counts.dimension = 'all'
        and dated_programmes.programme is null
),

counts as (
    select
        rolling_counts.{{ (cell_columns() + count_columns()) | join(',\n        rolling_counts.') }}
    from rolling_counts
    inner join current_build
        on rolling_counts.period_ends_on = current_build.last_day
    union all
    select
        kept_counts.{{ (cell_columns() + count_columns()) | join(',\n        kept_counts.') }}
    from kept_counts
    inner join latest_declared
        on
            kept_counts.programme = latest_declared.programme
            and kept_counts.metric = latest_declared.metric
            and kept_counts.period_starts_on = latest_declared.period_starts_on
            and kept_counts.period_ends_on = latest_declared.period_ends_on
    where
        kept_counts.period_grain = 'declared'
        and latest_declared.recency = 1
),

earlier_counts as (
    select rolling_counts.*
    from rolling_counts
    inner join current_build
        on rolling_counts.period_ends_on < current_build.last_day
),

mature_invitations as (
    select invitations.*
    from invitations
    cross join current_build
    where
        invitations.invited_on >= {{ add_days('current_build.last_day', -89) }}
        and {{ add_days('invitations.invited_on', 'current_build.maturity_days') }} < current_build.as_of_on
),

invitations_by_dimension as (
    {{ unpivot('mature_invitations', ['programme', 'is_completed_in_time'], survey_dimensions()) }}
),

cohorts as (
    select
        programme,
        dimension,
        dimension_value,
        cast(count(*) as bigint) as cohort_invitations,
        cast(sum(case when is_completed_in_time then 1 else 0 end) as bigint) as cohort_responses
    from invitations_by_dimension
    group by
        programme,
        dimension,
        dimension_value
),

paired as (
    select
        {{ paired_columns('counts', 'earlier_counts', 'cohorts') }}
    from counts
    left join earlier_counts
        on
            counts.programme = earlier_counts.programme
            and counts.metric = earlier_counts.metric
            and counts.period_grain = earlier_counts.period_grain
            and counts.dimension = earlier_counts.dimension
            and counts.dimension_value = earlier_counts.dimension_value
    left join cohorts
        on
            counts.programme = cohorts.programme
            and counts.period_grain = 'rolling_90_days'
            and counts.dimension = cohorts.dimension
            and counts.dimension_value = cohorts.dimension_value
    left join methods
        on {{ is_period_of('methods', 'counts') }}
),

{{ ctes_from_counts_to_scores() }}

select
    {{ stable_id('nps_current', ['programme', 'metric', 'dimension', 'dimension_value']) }} as cell_id,
    *
from scored
