-- one row per answer that this build works out anew: all of them, or those that came, changed, came into the view of as_of,
-- or refer to something that is known differently now
{{ config(post_hook="{{ analyze() }}") }}

with

versions as (
    select * from {{ ref('stg_survey_responses') }}
),

{% if adds_to_kept_marts() -%}
current_build as (
    select * from {{ source('ops', 'current_build') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
),

arrived as (
    select versions.response_id
    from versions
    inner join {{ ref('int_batches__new') }} as new_batches
        on versions._batch_id = new_batches.batch_id
),

-- words have versions of their own: they may come, change or go while the rest of the answer stays
said_differently as (
    select versions.response_id
    from versions
    inner join {{ source('pii', 'survey_responses') }} as words
        on versions._key = words._key
    inner join {{ ref('int_batches__new') }} as new_batches
        on words._batch_id = new_batches.batch_id
),

-- a name that nobody knew before may stand in words of long ago
redacted_anew as (
    select versions.response_id
    from versions
    inner join {{ ref('stg_redacted_verbatims') }} as redacted
        on versions._key = redacted._key
    inner join last_build
        on redacted.build_id > last_build.build_id
),

come_into_view as (
    select versions.response_id
    from versions
    cross join current_build
    cross join last_build
    where
        versions.responded_at >= last_build.as_of
        and versions.responded_at < current_build.as_of
    union all
    select versions.response_id
    from versions
    cross join current_build
    cross join last_build
    where
        versions.responded_at is null
        and versions.period_from >= {{ company_date('last_build.as_of', 'current_build.company_timezone') }}
        and versions.period_from < current_build.as_of_on
),

known_differently as (
    {{ touched_by_references('fct_survey_responses', 'response_id') }}
),
{%- endif %}

touched as (
    {% if adds_to_kept_marts() -%}
    select response_id from arrived
    union
    select response_id from said_differently
    union
    select response_id from redacted_anew
    union
    select response_id from come_into_view
    union
    select response_id from known_differently
    {%- else -%}
    select distinct response_id from versions
    {%- endif %}
)

select * from touched
