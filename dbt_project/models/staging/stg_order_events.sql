-- one row per event of a work order that this build knows: recorded by known_at, and happened before as_of
with

events as (
    select * from {{ source('ops', 'work_order_events') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        events.event_id,
        events.order_id as work_order_id,
        events.signal_id,
        events.org_unit_id,
        events.invitation_id,
        events.event,
        events.reason,
        events.action,
        events.impact,
        events.amount,
        events.call_wanted,
        events.reached,
        events.due_at,
        events.close_due_at,
        events.occurred_at,
        events.recorded_at
    from events
    cross join current_build
    where
        events.event_id <= current_build.last_order_event_id
        and events.recorded_at <= current_build.known_at
        and events.occurred_at < current_build.as_of
)

select * from known
