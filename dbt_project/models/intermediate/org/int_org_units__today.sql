-- one row per unit of the organisation: its place on the day of as_of. Who leads a unit today sees what it did under others.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

paths as (
    select * from {{ ref('int_org_units__paths') }}
)

select
    paths.org_unit_id,
    '/' || paths.path || '/' as unit_path
from paths
cross join current_build
where
    paths.valid_from <= current_build.as_of_on
    and paths.valid_to > current_build.as_of_on
