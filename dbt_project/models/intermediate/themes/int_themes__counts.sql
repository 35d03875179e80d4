-- one row per programme × metric × theme × period × dimension × value in which somebody wrote words that could have mentioned the theme:
-- how many did, and what the score of those who did is made of
{{ config(post_hook="{{ analyze() }}") }}
{%- set dimensions = theme_dimensions().values() | reject('equalto', "'all'") | list %}
{%- set columns = ['response_id', 'programme', 'metric', 'language', 'respondent', 'net', 'sentiment', 'responded_at', 'themes'] %}
{%- set period = ['period_grain', 'period_starts_on', 'period_ends_on'] %}
{%- set cell = ['programme', 'metric'] + period + ['dimension', 'dimension_value'] %}

with

words as (
    select * from {{ ref('int_themes__words') }}
),

theme_languages as (
    select * from {{ source('ops', 'theme_languages') }}
),

windows as (
    {{ theme_windows() }}
),

placed as (
    {% for grain in ['month', 'quarter'] -%}
    select
        {{ (columns + dimensions) | join(',\n        ') }},
        '{{ grain }}' as period_grain,
        {{ period_start('responded_on', grain) }} as period_starts_on,
        {{ add_days(add_periods(period_start('responded_on', grain), 1, grain), -1) }} as period_ends_on
    from words
    union all
    {% endfor -%}
    select
        words.{{ (columns + dimensions) | join(',\n        words.') }},
        windows.{{ period | join(',\n        windows.') }}
    from words
    inner join windows
        on
            words.responded_on >= windows.period_starts_on
            and words.responded_on <= windows.period_ends_on
),

by_dimension as (
    {{ unpivot('placed', columns + period, theme_dimensions()) }}
),

by_language as (
    select
        {{ cell | join(',\n        ') }},
        language,
        count(*) as comments -- noqa: RF04
    from by_dimension
    group by
        {{ cell | join(',\n        ') }},
        language
),

asked as (
    select
        by_language.{{ cell | join(',\n        by_language.') }},
        theme_languages.theme,
        cast(sum(by_language.comments) as bigint) as comments -- noqa: RF04
    from by_language
    inner join theme_languages
        on by_language.language = theme_languages.language
    group by
        by_language.{{ cell | join(',\n        by_language.') }},
        theme_languages.theme
),

by_theme as (
    {{ array_items('by_dimension', 'themes', cell + columns | reject('in', cell + ['language', 'themes']) | list, 'theme') }}
),

mentioned as (
    select
        by_theme.*,
        row_number() over (
            partition by by_theme.{{ cell | join(', by_theme.') }}, by_theme.theme
            order by by_theme.responded_at desc, by_theme.response_id desc
        ) as recency
    from by_theme
),

by_respondent as (
    select
        {{ cell | join(',\n        ') }},
        theme,
        respondent,
        count(*) as answers,
        sum(case when net = 1 then 1 else 0 end) as promoters,
        sum(case when net = -1 then 1 else 0 end) as detractors,
        sum(net) as net,
        sum(sentiment) as sentiment,
        count(sentiment) as sentiment_n
    from mentioned
    group by
        {{ cell | join(',\n        ') }},
        theme,
        respondent
),

scores as (
    select
        {{ cell | join(',\n        ') }},
        theme,
        cast(sum(answers) as bigint) as mentions,
        cast(sum(promoters) as bigint) as promoters,
        cast(sum(detractors) as bigint) as detractors,
        cast(count(*) as bigint) as respondents,
        cast(sum(answers * answers) as bigint) as sum_m_squared,
        cast(sum(net * net) as bigint) as sum_s_squared,
        cast(sum(net * answers) as bigint) as sum_s_m,
        cast(sum(sentiment) as numeric(18, 4)) as sentiment,
        cast(sum(sentiment_n) as bigint) as sentiment_n
    from by_respondent
    group by
        {{ cell | join(',\n        ') }},
        theme
),

examples as (
    select
        {{ cell | join(',\n        ') }},
        theme,
        {{ dbt.listagg('cast(response_id as text)', "','", 'order by recency') }} as example_response_ids
    from mentioned
    where recency <= 3
    group by
        {{ cell | join(',\n        ') }},
        theme
)

select
    asked.*,
    examples.example_response_ids,
    coalesce(scores.mentions, 0) as mentions,
    coalesce(scores.promoters, 0) as promoters,
    coalesce(scores.detractors, 0) as detractors,
    coalesce(scores.respondents, 0) as respondents,
    coalesce(scores.sum_m_squared, 0) as sum_m_squared,
    coalesce(scores.sum_s_squared, 0) as sum_s_squared,
    coalesce(scores.sum_s_m, 0) as sum_s_m,
    scores.sentiment,
    coalesce(scores.sentiment_n, 0) as sentiment_n
from asked
left join scores
    on {{ is_same_theme_cell('asked', 'scores') }}
left join examples
    on {{ is_same_theme_cell('asked', 'examples') }}
