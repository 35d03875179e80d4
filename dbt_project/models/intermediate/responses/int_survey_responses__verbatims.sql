-- one row per touched answer (its key in raw) that was given in words: those of its latest version, redacted.
-- Words have versions of their own, because they may change without the score and the score without them.
{{ config(post_hook="{{ analyze() }}") }}

with

touched as (
    select * from {{ ref('int_survey_responses__touched') }}
),

keys as (
    select distinct responses._key
    from {{ ref('stg_survey_responses') }} as responses
    inner join touched
        on responses.response_id = touched.response_id
),

versions as (
    {{ versions_in_build('survey_responses', schema='pii') }}
),

redacted as (
    select * from {{ ref('stg_redacted_verbatims') }}
),

ranked as (
    select
        versions._key,
        versions._batch_id,
        row_number() over (
            partition by versions._key
            order by versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc
        ) as recency
    from versions
    inner join keys
        on versions._key = keys._key
)

select
    ranked._key,
    redacted.verbatim
from ranked
inner join redacted
    on
        ranked._key = redacted._key
        and ranked._batch_id = redacted._batch_id
where ranked.recency = 1
