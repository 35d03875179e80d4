-- one row per estimate from calls to the silent of a wave that this build knows: recorded by known_at
with

follow_ups as (
    select * from {{ source('ops', 'phone_follow_ups') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        follow_ups.follow_up_id,
        follow_ups.programme,
        follow_ups.wave,
        follow_ups.silent,
        follow_ups.called,
        follow_ups.answered_detractors,
        follow_ups.answered_passives,
        follow_ups.answered_promoters,
        follow_ups.phone_detractors,
        follow_ups.phone_passives,
        follow_ups.phone_promoters,
        follow_ups.nps_answered,
        follow_ups.nps_answered_low,
        follow_ups.nps_answered_high,
        follow_ups.nps_silent,
        follow_ups.nps_silent_low,
        follow_ups.nps_silent_high,
        follow_ups.nps,
        follow_ups.nps_low,
        follow_ups.nps_high,
        follow_ups.gap,
        follow_ups.gap_p,
        follow_ups.recorded_at
    from follow_ups
    cross join current_build
    where follow_ups.recorded_at <= current_build.known_at
)

select * from known
