-- one row per day of which this build counts the answers otherwise than the last one did: answers of it came, changed or went.
-- Empty when all is made anew.
{{ config(post_hook="{{ analyze() }}") }}
-- read when something is kept: depends_on: {{ ref('fct_survey_responses') }}
{%- set columns = [
    'response_id', 'customer_id', 'band', 'responded_on', 'period_starts_on', 'period_ends_on', 'responded_at',
] + drill_columns() %}

{% if adds_to_kept_marts() -%}
with

before_this_build as (
    select * from {{ ref('int_survey_responses__before') }}
),

changed as (
    select response_id from before_this_build
    union
    select response_id from {{ ref('int_survey_responses__latest') }}
),

counted_before as (
    select
        {{ columns | join(',\n        ') }}
    from before_this_build
    where excluded_reason is null
),

counted_now as (
    select
        responses.{{ columns | join(',\n        responses.') }}
    from {{ ref('fct_survey_responses') }} as responses
    inner join changed
        on responses.response_id = changed.response_id
    where responses.excluded_reason is null
),

-- most answers of a touched customer are what they were
gone as (
    select * from counted_before
    except
    select * from counted_now
),

come as (
    select * from counted_now
    except
    select * from counted_before
),

days as (
    select coalesce(responded_on, period_starts_on) as counted_on from gone
    union
    select coalesce(responded_on, period_starts_on) as counted_on from come
)

select
    counted_on,
    {{ period_start('counted_on', 'month') }} as month_starts_on
from days
where counted_on is not null
{%- else -%}
select
    cast(null as date) as counted_on,
    cast(null as date) as month_starts_on
where false
{%- endif %}
