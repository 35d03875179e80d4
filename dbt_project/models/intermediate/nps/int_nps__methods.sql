-- one row per programme, metric and period in which somebody answered: the method by which most of them were asked, and whether it is
-- another one than in the period with answers before. Answers that no wave of ours asked for have no method, which is one too.
{{ config(post_hook="{{ analyze() }}") }}
{%- set period = ['programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on'] %}

with

by_day as (
    select
        programme,
        metric,
        coalesce(survey_method, '') as survey_method,
        responded_on as dated_on,
        count(*) as answers
    from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and responded_on is not null
    group by
        programme,
        metric,
        coalesce(survey_method, ''),
        responded_on
),

windows as (
    {{ rolling_windows() }}
),

placed as (
    {{ in_calendar_periods('by_day', ['programme', 'metric', 'survey_method', 'answers']) }}
    union all
    select
        by_day.programme,
        by_day.metric,
        by_day.survey_method,
        by_day.answers,
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on
    from by_day
    inner join windows
        on
            by_day.dated_on >= windows.period_starts_on
            and by_day.dated_on <= windows.period_ends_on
),

counted as (
    select
        {{ period | join(',\n        ') }},
        survey_method,
        sum(answers) as answers
    from placed
    group by
        {{ period | join(',\n        ') }},
        survey_method
),

ranked as (
    select
        *,
        row_number() over (
            partition by {{ period | join(', ') }}
            order by answers desc, survey_method asc
        ) as place
    from counted
),

compared as (
    select
        *,
        lag(survey_method) over (
            partition by programme, metric, period_grain
            order by period_starts_on
        ) as method_before
    from ranked
    where place = 1
)

select
    {{ period | join(',\n    ') }},
    nullif(survey_method, '') as survey_method,
    coalesce(survey_method <> method_before, false) as is_method_break
from compared
