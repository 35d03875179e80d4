-- one row per call that taught something: what, in redacted words. Not cut: read with its event, which is.
with

learned as (
    select * from {{ source('ops', 'redacted_learned') }}
),

renamed as (
    select
        event_id,
        learned
    from learned
)

select * from renamed
