-- one row per answer that counts and was given in words, in the last two years: in which language it was read, and which themes it mentions
{{ config(post_hook="{{ analyze() }}") }}
{%- set dimensions = theme_dimensions().values() | reject('equalto', "'all'") | list %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

readings as (
    select * from {{ source('analysis', 'theme_readings') }}
),

said as (
    select
        responses.response_id,
        responses.programme,
        responses.metric,
        responses.{{ dimensions | join(',\n        responses.') }},
        readings.language,
        readings.themes,
        coalesce(responses.customer_id, cast(responses.response_id as text)) as respondent,
        case responses.band when 'promoter' then 1 when 'detractor' then -1 else 0 end as net,
        readings.sentiment,
        responses.responded_on,
        responses.responded_at
    from responses
    inner join readings
        on responses.response_id = readings.response_id
    cross join current_build
    where
        responses.verbatim is not null
        and responses.excluded_reason is null
        and responses.responded_on > {{ add_days('current_build.as_of_on', -theme_days()) }}
)

select * from said
