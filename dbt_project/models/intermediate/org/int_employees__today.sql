-- one row per employee who is known on the day of as_of: the unit that he or she works in, or, having left, last worked in
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

employees as (
    select * from {{ ref('int_employees__history') }}
),

units as (
    select * from {{ ref('int_org_units__today') }}
),

ranked as (
    select
        employees.employee_id,
        employees.org_unit_id,
        row_number() over (
            partition by employees.employee_id
            order by case when employees.org_unit_id is not null then 0 else 1 end, employees.valid_from desc
        ) as place
    from employees
    cross join current_build
    where employees.valid_from <= current_build.as_of_on
)

select
    ranked.employee_id,
    ranked.org_unit_id,
    coalesce(units.unit_path, '/' || ranked.org_unit_id || '/') as unit_path
from ranked
left join units
    on ranked.org_unit_id = units.org_unit_id
where ranked.place = 1
