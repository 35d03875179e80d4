-- one row per batch that this build holds and the kept marts do not hold yet
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

build_batches as (
    select * from {{ source('ops', 'build_batches') }}
),

batches as (
    select * from {{ source('ops', 'batches') }}
),

frozen as (
    select
        batches.batch_id,
        batches.entity
    from current_build
    inner join build_batches
        on current_build.build_id = build_batches.build_id
    inner join batches
        on build_batches.batch_id = batches.batch_id
)

select
    frozen.batch_id,
    frozen.entity
from frozen
{% if adds_to_kept_marts() -%}
left join {{ source('marts_next', '_applied') }} as applied
    on frozen.batch_id = applied.batch_id
where applied.batch_id is null
{%- endif %}
