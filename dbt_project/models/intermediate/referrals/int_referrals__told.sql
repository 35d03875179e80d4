-- one row per customer who said in a survey how he or she first heard of us: the latest answer that says so
with

answers as (
    select * from {{ ref('fct_survey_responses') }}
    where
        customer_id is not null
        and responded_on is not null
        and (excluded_reason is null or excluded_reason in ('partial', 'no_score', 'duplicate'))
),

versions as (
    select * from {{ ref('stg_survey_responses') }}
),

latest as (
    {{ latest_version('versions', ['response_id']) }}
),

said as (
    select
        answers.customer_id,
        answers.response_id,
        latest._key as response_key,
        {{ plain_code(json_text('latest.answers', 'heard_from')) }} as heard_from,
        case {{ plain_code(json_text('latest.answers', 'would_have_come_anyway')) }}
            when 'yes' then true
            when 'true' then true
            when 'no' then false
            when 'false' then false
        end as would_have_come_anyway,
        answers.responded_on as told_on,
        row_number() over (
            partition by answers.customer_id
            order by answers.responded_at desc, answers.response_id desc
        ) as recency
    from answers
    inner join latest
        on answers.response_id = latest.response_id
    where {{ json_text('latest.answers', 'heard_from') }} is not null
)

select
    customer_id,
    response_id,
    response_key,
    heard_from,
    would_have_come_anyway,
    told_on
from said
where recency = 1
