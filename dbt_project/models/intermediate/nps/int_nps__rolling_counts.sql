-- one row per cell of the 90 days that end with as_of, and of the 90 days before them: what its score and interval are made of
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = [
    'response_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at',
] + (survey_dimensions().values() | reject('equalto', "'all'") | list) %}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

windows as (
    {{ rolling_windows() }}
),

placed as (
    select
        1 as sign,
        responses.{{ columns | join(',\n        responses.') }},
        windows.period_grain,
        windows.period_starts_on,
        windows.period_ends_on
    from responses
    inner join windows
        on
            responses.responded_on >= windows.period_starts_on
            and responses.responded_on <= windows.period_ends_on
    where responses.excluded_reason is null
),

{{ ctes_from_placed_answers_to_counts() }}

select * from counts
