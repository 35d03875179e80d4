-- one row per wave × outcome × reason: how many candidates of its frame were drawn, not drawn, or turned away, and why
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

waves as (
    select waves.*
    from {{ ref('stg_ledger_waves') }} as waves
    cross join current_build
    where
        waves.drawn_at <= current_build.known_at
        and waves.as_of <= current_build.as_of
        and waves.programme_kind <> 'employee'
),

counted as (
    select
        wave_id,
        outcome,
        coalesce(reason, outcome) as reason,
        count(*) as candidates
    from {{ ref('stg_ledger_frames') }}
    group by
        wave_id,
        outcome,
        coalesce(reason, outcome)
)

select
    {{ stable_id('frame_coverage', ['waves.programme', 'waves.wave', 'counted.outcome', 'counted.reason']) }} as coverage_id,
    waves.programme,
    waves.wave,
    counted.outcome,
    counted.reason,
    counted.candidates,
    waves.candidates as candidates_of_wave,
    cast(round(cast(counted.candidates as numeric(18, 4)) / nullif(waves.candidates, 0), 4) as numeric(9, 4)) as share_of_wave,
    {{ company_date('waves.as_of', 'current_build.company_timezone') }} as as_of_on
from counted
inner join waves
    on counted.wave_id = waves.wave_id
cross join current_build
