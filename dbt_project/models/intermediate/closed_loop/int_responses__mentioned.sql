-- one row per answer (its key in raw) that a work order, a talk or a dispute is about, or that was added to an order, and that this build
-- holds: its id in marts
{{ config(post_hook="{{ analyze() }}") }}

with

mentioned as (
    select response_key from {{ ref('stg_work_orders') }}
    union
    select response_key from {{ ref('stg_discussed_answers') }}
    union
    select response_key from {{ ref('stg_disputes') }}
    union
    select {{ as_uuid('subject_key') }} as response_key
    from {{ ref('stg_signals') }}
    where
        subject = 'response'
        and work_order_id is not null
),

responses as (
    select * from {{ ref('stg_survey_responses') }}
)

select distinct
    mentioned.response_key,
    responses.response_id
from mentioned
inner join responses
    on mentioned.response_key = responses._key
