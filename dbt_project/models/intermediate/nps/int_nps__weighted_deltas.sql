-- one row per cell of nps_by_segment whose weighted sums this build changes: what is to be added to them (everything, when all is made
-- anew). Takes the answers of customers with a touched answer or a new weight out as the last build left them and puts them in as they
-- are now.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = [
    'response_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at',
] + (survey_dimensions().values() | reject('equalto', "'all'") | list) %}
{%- set dates = ['responded_on', 'period_starts_on', 'period_ends_on'] %}
{%- set responses = ref('fct_survey_responses') %}
{%- set weights_before = as_left_by_last_build('fct_response_weights') %}

with

weights as (
    select * from {{ ref('int_weighting__weights') }}
),

{% if adds_to_kept_marts() -%}
before_this_build as (
    select * from {{ ref('int_survey_responses__before') }}
),

waves_touched as (
    select * from {{ ref('int_weighting__waves_touched') }}
),

touched as (
    select response_id from before_this_build
    union
    select response_id from {{ ref('int_survey_responses__latest') }}
),

reweighted as (
    select
        responses.response_id,
        responses.customer_id
    from {{ responses }} as responses
    inner join {{ ref('int_weighting__changes') }} as changes
        on responses.response_id = changes.response_id
    where responses.excluded_reason is null
),

-- answers that are what they were; which of a customer's answers counts may hang on all of them
neighbours as (
    select responses.response_id
    from {{ responses }} as responses
    inner join reweighted
        on responses.customer_id = reweighted.customer_id
    where responses.excluded_reason is null
    union
    select response_id
    from reweighted
    where customer_id is null
    except
    select response_id from touched
),

changed as (
    select response_id from touched
    union all
    select response_id from neighbours
),
{%- endif %}

signed as (
    select
        1 as sign,
        responses.{{ (columns + dates) | join(',\n        responses.') }},
        {% if adds_to_kept_marts() -%}
        -- in waves that are not weighed anew the weights are those of before
        coalesce(weights.weight, case when waves_touched.weighting_id is null then weights_before.weight end) as weight
        {%- else -%}
        weights.weight
        {%- endif %}
    from {{ responses }} as responses
    left join weights
        on responses.response_id = weights.response_id
    {% if adds_to_kept_marts() -%}
    inner join changed
        on responses.response_id = changed.response_id
    left join {{ weights_before }} as weights_before
        on responses.response_id = weights_before.response_id
    left join waves_touched
        on
            weights_before.programme = waves_touched.programme
            and weights_before.wave = waves_touched.weighting_wave
    {%- endif %}
    where responses.excluded_reason is null
    {% if adds_to_kept_marts() -%}
    union all
    select
        -1 as sign,
        before_this_build.{{ (columns + dates) | join(',\n        before_this_build.') }},
        weights_before.weight
    from before_this_build
    left join {{ weights_before }} as weights_before
        on before_this_build.response_id = weights_before.response_id
    where before_this_build.excluded_reason is null
    union all
    select
        -1 as sign,
        responses.{{ (columns + dates) | join(',\n        responses.') }},
        weights_before.weight
    from {{ responses }} as responses
    inner join neighbours
        on responses.response_id = neighbours.response_id
    left join {{ weights_before }} as weights_before
        on responses.response_id = weights_before.response_id
    {%- endif %}
),

dated as (
    select
        *,
        responded_on as dated_on,
        period_starts_on as declared_from,
        period_ends_on as declared_to
    from signed
),

placed as (
    {{ in_calendar_periods('dated', ['sign', 'weight'] + columns) }}
    union all
    select
        sign,
        weight,
        {{ columns | join(',\n        ') }},
        'declared' as period_grain,
        declared_from as period_starts_on,
        declared_to as period_ends_on
    from dated
    where dated_on is null
),

{{ ctes_from_placed_answers_to_weighted_sums() }}

select
    {{ stable_id('nps_cell', cell_columns()) }} as cell_id,
    {{ cell_columns() | join(',\n    ') }},
    {{ kept_weighted_sums() | join(',\n    ') }}
from sums
where
    {{ weighted_sum_columns() | join(' <> 0\n    or ') }} <> 0
