-- one row per wave whose frame this build counts: all of them, or those that came into view. A frame is frozen, and so is what was known
-- of its candidates when it was drawn; earlier waves are counted again only where a batch passed its gate late, or the
-- organisation or the products are known differently.
{{ config(post_hook="{{ analyze() }}") }}
{%- set adds = adds_to_kept_marts() and (not execute or load_relation(as_left_by_last_build('_frame_counts')) is not none) %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

waves as (
    select * from {{ ref('stg_ledger_waves') }}
){% if adds %},

kept as (
    select distinct wave_id from {{ as_left_by_last_build('_frame_counts') }}
),

-- batches that brought something, and when the first of them was loaded
arrived as (
    select
        new_batches.entity,
        min(batches.loaded_at) as loaded_at
    from {{ ref('int_batches__new') }} as new_batches
    inner join {{ source('ops', 'batches') }} as batches
        on new_batches.batch_id = batches.batch_id
    where
        batches.accepted > 0
        or batches.deleted > 0
    group by new_batches.entity
),

known_differently as (
    select distinct waves.wave_id
    from waves
    inner join arrived
        on
            (arrived.entity in ('customers', 'interactions') and arrived.loaded_at <= waves.drawn_at)
            or arrived.entity in ('org_units', 'employees', 'products')
)
{%- endif %}

select waves.wave_id
from waves
cross join current_build
{%- if adds %}
left join kept
    on waves.wave_id = kept.wave_id
left join known_differently
    on waves.wave_id = known_differently.wave_id
{%- endif %}
where
    waves.drawn_at <= current_build.known_at
    and waves.as_of <= current_build.as_of
    and waves.programme_kind <> 'employee'
    and {{ '(kept.wave_id is null or known_differently.wave_id is not null)' if adds else 'true' }}
