-- one row per employee and span of days in one place: [valid_from, valid_to). The first span is open to the past.
with

versions as (
    select * from {{ ref('stg_employees') }}
),

started as (
    select
        *,
        coalesce(valid_from, {{ beginning_of_time() }}) as started_on
    from versions
),

latest as (
    {{ latest_version('started', ['employee_id', 'started_on']) }}
),

placed as (
    select
        *,
        row_number() over (
            partition by employee_id
            order by started_on
        ) as place,
        lead(started_on) over (
            partition by employee_id
            order by started_on
        ) as next_started_on
    from latest
)

select
    employee_id,
    org_unit_id,
    manager_id,
    role,
    case when place = 1 then {{ beginning_of_time() }} else started_on end as valid_from,
    coalesce(next_started_on, {{ end_of_time() }}) as valid_to
from placed
