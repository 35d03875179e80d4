-- one row per event of an initiative that this build knows: recorded by known_at, and happened before as_of
with

events as (
    select * from {{ source('ops', 'initiative_events') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        events.event_id,
        events.initiative_id,
        events.event,
        events.came_from,
        events.title,
        events.owner,
        events.programme,
        events.dimension,
        events.dimension_value,
        events.theme,
        events.measure,
        events.measure_programme,
        events.measure_dimension,
        events.measure_value,
        events.measure_units,
        events.you_said,
        events.we_did,
        events.budget,
        events.cost,
        events.expected_effect,
        events.confidence,
        events.for_customers,
        events.due_on,
        events.happened_on,
        events.occurred_at
    from events
    cross join current_build
    where
        events.recorded_at <= current_build.known_at
        and events.occurred_at < current_build.as_of
)

select * from known
