-- one row per unit of the organisation and span of days in which neither it nor anything above it changed: [valid_from, valid_to)
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

paths as (
    select * from {{ ref('int_org_units__paths') }}
)

select
    paths.org_unit_id,
    paths.parent_id,
    paths.team_id,
    paths.branch_id,
    paths.org_region_id,
    paths.company_id,
    paths.kind,
    paths.name,
    paths.path,
    paths.path_names,
    paths.level,
    paths.valid_from <= current_build.as_of_on and current_build.as_of_on < paths.valid_to as is_current,
    paths.valid_from,
    paths.valid_to
from paths
cross join current_build
