-- one row per cell of nps_by_segment whose counts this build changes: what is to be added to them (everything, when all is made anew).
-- Takes the touched customers' answers out as the last build left them and puts them in as they are now.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = [
    'response_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at',
] + (survey_dimensions().values() | reject('equalto', "'all'") | list) %}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

{% if adds_to_kept_marts() -%}
before_this_build as (
    select * from {{ ref('int_survey_responses__before') }}
),

changed as (
    select response_id from before_this_build
    union
    select response_id from {{ ref('int_survey_responses__latest') }}
),
{%- endif %}

signed as (
    select
        1 as sign,
        responses.{{ columns | join(',\n        responses.') }},
        responses.responded_on as dated_on,
        responses.period_starts_on as declared_from,
        responses.period_ends_on as declared_to
    from responses
    {% if adds_to_kept_marts() -%}
    inner join changed
        on responses.response_id = changed.response_id
    {%- endif %}
    where responses.excluded_reason is null
    {% if adds_to_kept_marts() -%}
    union all
    select
        -1 as sign,
        {{ columns | join(',\n        ') }},
        responded_on as dated_on,
        period_starts_on as declared_from,
        period_ends_on as declared_to
    from before_this_build
    where excluded_reason is null
    {%- endif %}
),

placed as (
    {{ in_calendar_periods('signed', ['sign'] + columns) }}
    union all
    select
        sign,
        {{ columns | join(',\n        ') }},
        'declared' as period_grain,
        declared_from as period_starts_on,
        declared_to as period_ends_on
    from signed
    where dated_on is null
),

{{ ctes_from_placed_answers_to_counts() }}

select
    {{ stable_id('nps_cell', cell_columns()) }} as cell_id,
    *
from counts
where
    {{ count_columns() | join(' <> 0\n    or ') }} <> 0
