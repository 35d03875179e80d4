-- one row per cell of nps_current × weighting wave × cell of its margins × design weight × jackknife group × band: the answers
-- with a design weight that count there. The months, quarters and years of whole programmes are in _weighted_period_counts.
{{ config(post_hook="{{ analyze() }}") }}
{%- set kept = ['programme', 'metric', 'period_grain', 'period_starts_on'] + spoken_for_columns() %}

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
        responses.*,
        current_window.period_grain as window_grain,
        current_window.period_starts_on as window_starts_on,
        current_window.period_ends_on as window_ends_on
    from {{ ref('fct_survey_responses') }} as responses
    inner join current_window
        on
            responses.responded_on >= current_window.period_starts_on
            and responses.responded_on <= current_window.period_ends_on
    inner join weighted_programmes
        on responses.programme = weighted_programmes.programme
    where responses.excluded_reason is null
),

placed as (
    select
        1 as sign,
        {{ scored_answer_columns() | join(',\n        ') }},
        window_grain as period_grain,
        window_starts_on as period_starts_on,
        window_ends_on as period_ends_on
    from responses
),

{{ ctes_from_placed_answers_to_speaking() }},

described as (
    select
        speaking.*,
        responses.{{ survey_dimensions().values() | reject('equalto', "'all'") | join(',\n        responses.') }}
    from speaking
    inner join responses
        on speaking.response_id = responses.response_id
),

in_cells as (
    {{ unpivot('described', kept, survey_dimensions()) }}
)

select
    {{ kept | join(',\n    ') }},
    dimension,
    dimension_value,
    count(*) as answers
from in_cells
group by
    {{ kept | join(',\n    ') }},
    dimension,
    dimension_value
