-- one row per answer × telephone call of the interaction that it is about, with what speech analytics made of the call
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id']}]) }}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where interaction_id is not null
),

answered as (
    select distinct interaction_id from responses
),

versions as (
    select calls.*
    from {{ ref('stg_calls') }} as calls
    inner join answered
        on calls.interaction_id = answered.interaction_id
),

latest as (
    {{ latest_version('versions', ['call_id']) }}
)

select
    responses.response_id,
    latest.call_id,
    responses.interaction_id,
    latest.topics,
    latest.speech_sentiment,
    latest.failed_interaction_score
from responses
inner join latest
    on responses.interaction_id = latest.interaction_id
