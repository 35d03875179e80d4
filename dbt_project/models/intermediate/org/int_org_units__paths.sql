-- one row per unit of the organisation and span of days in which neither it nor anything above it changed: [valid_from, valid_to).
-- The first row of a unit is open to the past. A unit whose parent is not known stands at the top of its own path;
-- units that are above each other in a circle have no path and are left out.
with recursive

versions as (
    select * from {{ ref('stg_org_units') }}
),

started as (
    select
        *,
        coalesce(valid_from, {{ beginning_of_time() }}) as started_on
    from versions
),

latest as (
    {{ latest_version('started', ['org_unit_id', 'started_on']) }}
),

placed as (
    select
        *,
        row_number() over (
            partition by org_unit_id
            order by started_on
        ) as place,
        lead(started_on) over (
            partition by org_unit_id
            order by started_on
        ) as next_started_on
    from latest
),

known_units as (
    select distinct org_unit_id from placed
),

units as (
    select
        placed.org_unit_id,
        placed.parent_id,
        parents.org_unit_id is not null as has_parent,
        placed.kind,
        placed.name,
        case when placed.place = 1 then {{ beginning_of_time() }} else placed.started_on end as valid_from,
        coalesce(placed.next_started_on, {{ end_of_time() }}) as valid_to
    from placed
    left join known_units as parents
        on placed.parent_id = parents.org_unit_id
),

-- every unit covers all days, so a child's span is cut by its parents' spans and by nothing else
walked (
    org_unit_id, parent_id, kind, name, level, path, path_names, team_id, branch_id, org_region_id, company_id, valid_from, valid_to
) as (
    select
        org_unit_id,
        cast(null as text),
        kind,
        name,
        1,
        org_unit_id as unit_path,
        coalesce(name, org_unit_id),
        case when kind = 'team' then org_unit_id end,
        case when kind = 'branch' then org_unit_id end,
        case when kind = 'region' then org_unit_id end,
        case when kind = 'company' then org_unit_id end,
        valid_from,
        valid_to
    from units
    where not has_parent
    union all
    select
        units.org_unit_id,
        units.parent_id,
        units.kind,
        units.name,
        walked.level + 1,
        walked.path || '/' || units.org_unit_id,
        walked.path_names || ' / ' || coalesce(units.name, units.org_unit_id),
        case when units.kind = 'team' then units.org_unit_id else walked.team_id end,
        case when units.kind = 'branch' then units.org_unit_id else walked.branch_id end,
        case when units.kind = 'region' then units.org_unit_id else walked.org_region_id end,
        case when units.kind = 'company' then units.org_unit_id else walked.company_id end,
        greatest(units.valid_from, walked.valid_from),
        least(units.valid_to, walked.valid_to)
    from units
    inner join walked
        on
            units.parent_id = walked.org_unit_id
            and units.valid_from < walked.valid_to
            and units.valid_to > walked.valid_from
)

select * from walked
