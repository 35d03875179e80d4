-- one row per answer and theme that its words mention, parts and wholes both; answers that do not count are there too
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id', 'theme'], 'unique': true}, {'columns': ['theme']}]) }}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where verbatim is not null
),

readings as (
    select * from {{ source('analysis', 'theme_readings') }}
),

mentions as (
    {{ array_items('readings', 'themes', ['response_id', 'language', 'sentiment'], 'theme') }}
),

themes as (
    select * from {{ source('ops', 'themes') }}
)

select
    {{ stable_id('theme_mention', ['mentions.response_id', 'mentions.theme']) }} as mention_id,
    mentions.response_id,
    mentions.theme,
    themes.name as theme_name,
    themes.parent as parent_theme,
    mentions.language,
    cast(mentions.sentiment as numeric(9, 4)) as sentiment,
    responses.responded_on
from mentions
inner join responses
    on mentions.response_id = responses.response_id
inner join themes
    on mentions.theme = themes.theme
