-- one row per unit and period in which customers answered about it: answers of which the days to talk about them are over, and how many
-- were talked about in these days. From the first talk on: before it there was nobody who could have talked.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

talks as (
    select * from {{ ref('stg_discussed_answers') }}
),

mentioned as (
    select * from {{ ref('int_responses__mentioned') }}
),

first_talks as (
    select
        mentioned.response_id,
        min(talks.held_at) as held_at
    from talks
    inner join mentioned
        on talks.response_key = mentioned.response_key
    group by mentioned.response_id
),

talking as (
    select min({{ company_date('talks.held_at', 'current_build.company_timezone') }}) as began_on
    from talks
    cross join current_build
),

responses as (
    select
        responses.*,
        first_talks.held_at
    from {{ ref('fct_survey_responses') }} as responses
    inner join talking
        on responses.responded_on >= {{ period_start('talking.began_on', 'year') }}
    left join first_talks
        on responses.response_id = first_talks.response_id
    where responses.excluded_reason is null
),

by_day as (
    select
        responses.team_id,
        responses.branch_id,
        responses.org_region_id,
        responses.company_id,
        responses.responded_on as dated_on,
        count(*) as answers,
        sum(
            case
                when responses.held_at < {{ add_days_to_moment('responses.responded_at', days_to_discuss()) }} then 1
                else 0
            end
        ) as answers_discussed
    from responses
    cross join current_build
    where {{ add_days_to_moment('responses.responded_at', days_to_discuss()) }} <= current_build.as_of
    group by
        responses.team_id,
        responses.branch_id,
        responses.org_region_id,
        responses.company_id,
        responses.responded_on
),

placed as (
    {{ in_units_and_periods('by_day', ['answers', 'answers_discussed']) }}
)

select
    {{ loop_cell_columns() | join(',\n    ') }},
    sum(answers) as answers,
    sum(answers_discussed) as answers_discussed
from placed
group by
    {{ loop_cell_columns() | join(',\n    ') }}
