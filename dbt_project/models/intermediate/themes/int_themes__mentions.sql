-- one row per answer that counts and theme that its words mention, in the last two years; who mentions a part mentions the whole
{{ config(post_hook="{{ analyze() }}") }}

with

words as (
    select * from {{ ref('int_themes__words') }}
),

mentions as (
    select * from {{ source('analysis', 'theme_mentions') }}
)

select
    words.response_id,
    mentions.theme
from words
inner join mentions
    on words.response_id = mentions.response_id
