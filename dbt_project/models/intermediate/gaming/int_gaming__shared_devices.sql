-- one row per answer of the 540 days before as_of that came from a device from which four customers or more answered in those days.
-- Reads personal data (the keyed hash of a device) and lets nothing out but ids.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    {{ versions_in_build('survey_responses', 'pii') }}
),

ranked as (
    select
        _key,
        {{ json_text('extra', 'client_hash') }} as device,
        row_number() over (
            partition by _key
            order by updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ) as recency
    from versions
),

keys as (
    select distinct
        response_id,
        _key
    from {{ ref('stg_survey_responses') }}
),

answers as (
    select
        responses.response_id,
        responses.customer_id,
        ranked.device
    from {{ ref('fct_survey_responses') }} as responses
    cross join current_build
    inner join keys
        on responses.response_id = keys.response_id
    inner join ranked
        on
            keys._key = ranked._key
            and ranked.recency = 1
    where
        ranked.device is not null
        and responses.customer_id is not null
        and responses.responded_on >= {{ add_days('current_build.as_of_on', -gaming_days()) }}
),

shared as (
    select device
    from answers
    group by device
    having count(distinct customer_id) >= 4
)

select distinct answers.response_id
from answers
inner join shared
    on answers.device = shared.device
