-- one row per talk and answer that was talked about: a coaching, or a team's huddle, that this build knows and that was held before as_of
with

coachings as (
    select
        'coaching' as talk,
        talks.coaching_id as talk_id,
        answers.response_key,
        talks.held_at,
        talks.recorded_at
    from {{ source('ops', 'coaching_answers') }} as answers
    inner join {{ source('ops', 'coachings') }} as talks
        on answers.coaching_id = talks.coaching_id
),

huddles as (
    select
        'huddle' as talk,
        talks.huddle_id as talk_id,
        answers.response_key,
        talks.held_at,
        talks.recorded_at
    from {{ source('ops', 'huddle_answers') }} as answers
    inner join {{ source('ops', 'huddles') }} as talks
        on answers.huddle_id = talks.huddle_id
),

talks as (
    select * from coachings
    union all
    select * from huddles
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        talks.talk,
        talks.talk_id,
        {{ as_uuid('talks.response_key') }} as response_key,
        talks.held_at
    from talks
    cross join current_build
    where
        talks.recorded_at <= current_build.known_at
        and talks.held_at < current_build.as_of
)

select * from known
