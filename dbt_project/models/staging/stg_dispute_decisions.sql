-- one row per decision on a dispute that this build knows: recorded by known_at, and made before as_of
with

decisions as (
    select * from {{ source('ops', 'dispute_decisions') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

known as (
    select
        decisions.decision_id,
        decisions.dispute_id,
        decisions.to_employee_id,
        decisions.decision,
        decisions.decided_at,
        decisions.recorded_at
    from decisions
    cross join current_build
    where
        decisions.recorded_at <= current_build.known_at
        and decisions.decided_at < current_build.as_of
)

select * from known
