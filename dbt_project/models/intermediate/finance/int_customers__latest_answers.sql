-- one row per metric and customer: the latest answer that counts
with

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and customer_id is not null
        and score is not null
),

ranked as (
    select
        metric,
        customer_id,
        response_id,
        band,
        score,
        row_number() over (
            partition by metric, customer_id
            order by responded_at desc nulls last, response_id desc
        ) as recency
    from responses
)

select
    metric,
    customer_id,
    response_id,
    band,
    score
from ranked
where recency = 1
