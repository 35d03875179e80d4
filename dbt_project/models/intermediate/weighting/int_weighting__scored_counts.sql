-- one row per cell whose weighted score is estimated with replicate weights × weighting wave × cell of its margins × design
-- weight × jackknife group × band: the answers with a design weight that count there. These are the cells of nps_current, and of
-- nps_by_segment those of a whole programme by month, quarter and year.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = ['response_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at'] %}
{%- set cell = ['programme', 'metric', 'period_grain', 'period_starts_on', 'dimension', 'dimension_value'] %}
{%- set spoken_for = ['asked_programme', 'weighting_wave', 'margin_cell', 'band', 'design_weight', 'replicate_group'] %}

with

windows as (
    {{ rolling_windows() }}
),

current_window as (
    select * from windows
    order by period_ends_on desc
    limit 1
),

weighted_programmes as (
    select programme from {{ ref('int_weighting__variables') }}
),

responses as (
    select
        1 as sign,
        responses.*,
        responses.responded_on as dated_on
    from {{ ref('fct_survey_responses') }} as responses
    inner join weighted_programmes
        on responses.programme = weighted_programmes.programme
    where responses.excluded_reason is null
),

in_calendar as (
    {{ in_calendar_periods('responses', ['sign'] + columns) }}
),

placed as (
    select * from in_calendar
    where period_grain in ('month', 'quarter', 'year')
    union all
    select
        responses.sign,
        responses.{{ columns | join(',\n        responses.') }},
        current_window.period_grain,
        current_window.period_starts_on,
        current_window.period_ends_on
    from responses
    inner join current_window
        on
            responses.responded_on >= current_window.period_starts_on
            and responses.responded_on <= current_window.period_ends_on
),

{{ ctes_from_placed_answers_to_counted_answers() }},

answers as (
    select * from {{ ref('int_weighting__answers') }}
    where
        margin_cell is not null
        and design_weight is not null
),

speaking as (
    select
        told_apart.response_id,
        told_apart.programme,
        told_apart.metric,
        told_apart.period_grain,
        told_apart.period_starts_on,
        answers.programme as asked_programme,
        answers.weighting_wave,
        answers.margin_cell,
        told_apart.band,
        answers.design_weight,
        answers.replicate_group
    from told_apart
    inner join answers
        on told_apart.response_id = answers.response_id
),

now_speaking as (
    select
        speaking.*,
        responses.{{ survey_dimensions().values() | reject('equalto', "'all'") | join(',\n        responses.') }}
    from speaking
    inner join responses
        on speaking.response_id = responses.response_id
    where speaking.period_grain = 'rolling_90_days'
),

in_cells as (
    select
        {{ (cell[:4] + spoken_for) | join(',\n        ') }},
        'all' as dimension,
        'all' as dimension_value
    from speaking
    where period_grain <> 'rolling_90_days'
    union all
    {{ unpivot('now_speaking', cell[:4] + spoken_for, survey_dimensions()) }}
)

select
    {{ (cell + spoken_for) | join(',\n    ') }},
    count(*) as answers
from in_cells
group by
    {{ (cell + spoken_for) | join(',\n    ') }}
