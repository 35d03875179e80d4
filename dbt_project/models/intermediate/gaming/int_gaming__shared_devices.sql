-- one row per answer of the 540 days before as_of that came from a device from which four customers or more answered in those days.
-- Reads personal data (the keyed hash of a device) and lets nothing out but ids.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

answers as (
    select * from {{ ref('stg_survey_responses') }}
),

personal as (
    {{ versions_in_build('survey_responses', 'pii') }}
),

recent as (
    select distinct
        responses.response_id,
        responses.customer_id,
        answers._key
    from responses
    cross join current_build
    inner join answers
        on responses.response_id = answers.response_id
    where
        responses.customer_id is not null
        and responses.responded_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }}
),

ranked as (
    select
        recent.response_id,
        recent.customer_id,
        {{ json_text('personal.extra', 'client_hash') }} as device,
        row_number() over (
            partition by personal._key
            order by personal.updated_at desc nulls last, personal._loaded_at desc, personal._batch_id desc
        ) as recency
    from recent
    inner join personal
        on recent._key = personal._key
),

devices as (
    select
        response_id,
        customer_id,
        device
    from ranked
    where
        recency = 1
        and device is not null
),

shared as (
    select device
    from devices
    group by device
    having count(distinct customer_id) >= 4
)

select distinct devices.response_id
from devices
inner join shared
    on devices.device = shared.device
