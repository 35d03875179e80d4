-- one row per event of the ledger that this build knows: recorded by known_at, and happened before as_of
with

events as (
    select * from {{ source('ops', 'invitation_events') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        events.event_id,
        events.invitation_id,
        events.message,
        events.event,
        events.code,
        events.reason,
        events.occurred_at,
        events.recorded_at
    from events
    cross join current_build
    where
        events.event_id <= current_build.last_event_id
        and events.recorded_at <= current_build.known_at
        and events.occurred_at < current_build.as_of
)

select * from known
