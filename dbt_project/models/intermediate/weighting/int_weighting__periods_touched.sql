-- one row per programme and month, quarter or year in which the answers that have a weight, or whom they speak for, are not what the last
-- build left
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['period_id'], 'unique': true}]) }}

with

answers_changed as (
    select * from {{ ref('int_weighting__answers_changed') }}
),

members_changed as (
    select * from {{ ref('int_weighting__members_changed') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

changed as (
    select
        programme,
        responded_on as dated_on
    from answers_changed
    union
    select
        responses.programme,
        responses.responded_on as dated_on
    from responses
    inner join members_changed
        on responses.invitation_id = members_changed.invitation_id
),

in_calendar as (
    {{ in_calendar_periods('changed', ['programme']) }}
)

select distinct
    {{ stable_id('weighted_period', ['programme', 'period_grain', 'period_starts_on']) }} as period_id,
    programme,
    period_grain,
    period_starts_on,
    period_ends_on
from in_calendar
where period_grain in ('month', 'quarter', 'year')
