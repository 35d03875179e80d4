-- one row per cell of nps_current × weighting wave × cell of its margins × design weight × jackknife group × band: the answers with a
-- design weight that count in the 90 days that end with as_of
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = [
    'response_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at',
] + (survey_dimensions().values() | reject('equalto', "'all'") | list) %}

with

windows as (
    {{ rolling_windows() }}
),

current_window as (
    select * from windows
    order by period_ends_on desc
    limit 1
),

placed as (
    select
        1 as sign,
        responses.{{ columns | join(',\n        responses.') }},
        current_window.period_grain,
        current_window.period_starts_on,
        current_window.period_ends_on
    from {{ ref('fct_survey_responses') }} as responses
    inner join current_window
        on
            responses.responded_on >= current_window.period_starts_on
            and responses.responded_on <= current_window.period_ends_on
    where responses.excluded_reason is null
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
        told_apart.*,
        answers.programme as asked_programme,
        answers.weighting_wave,
        answers.margin_cell,
        answers.design_weight,
        answers.replicate_group
    from told_apart
    inner join answers
        on told_apart.response_id = answers.response_id
),

by_dimension as (
    {{ unpivot(
        'speaking',
        [
            'programme', 'metric', 'asked_programme', 'weighting_wave', 'margin_cell', 'band', 'design_weight', 'replicate_group'
        ],
        survey_dimensions()
    ) }}
)

select
    programme,
    metric,
    dimension,
    dimension_value,
    asked_programme,
    weighting_wave,
    margin_cell,
    band,
    design_weight,
    replicate_group,
    count(*) as answers
from by_dimension
group by
    programme,
    metric,
    dimension,
    dimension_value,
    asked_programme,
    weighting_wave,
    margin_cell,
    band,
    design_weight,
    replicate_group
