-- one row per entity of which this build holds at least one batch
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

build_batches as (
    select * from {{ source('ops', 'build_batches') }}
),

batches as (
    select * from {{ source('ops', 'batches') }}
)

select distinct batches.entity
from current_build
inner join build_batches
    on current_build.build_id = build_batches.build_id
inner join batches
    on build_batches.batch_id = batches.batch_id
