-- one row per programme × metric × month, quarter or year × weighting wave × cell of its margins × design weight × jackknife group × band:
-- the answers with a design weight that count there. Weighted scores of whole programmes are estimated from them, with replicate weights.
-- Kept between builds: touched periods are forgotten and counted again. Not for reading: nps_by_segment carries the scores.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('period_id', ref('int_weighting__periods_touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['period_id']}],
    )
}}
{%- set kept = ['programme', 'metric', 'period_grain', 'period_starts_on'] + spoken_for_columns() %}

with

weighted_programmes as (
    select programme from {{ ref('int_weighting__variables') }}
),

touched as (
    select periods.*
    from {{ ref('int_weighting__periods_touched') }} as periods
    inner join weighted_programmes
        on periods.programme = weighted_programmes.programme
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where excluded_reason is null
),

placed as (
    select
        1 as sign,
        responses.{{ scored_answer_columns() | join(',\n        responses.') }},
        touched.period_grain,
        touched.period_starts_on,
        touched.period_ends_on
    from responses
    inner join touched
        on
            responses.programme = touched.programme
            and responses.responded_on >= touched.period_starts_on
            and responses.responded_on <= touched.period_ends_on
),

{{ ctes_from_placed_answers_to_speaking() }}

select
    {{ stable_id('weighted_period', ['programme', 'period_grain', 'period_starts_on']) }} as period_id,
    {{ kept | join(',\n    ') }},
    count(*) as answers
from speaking
group by
    {{ kept | join(',\n    ') }}
