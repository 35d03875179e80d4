-- Whoever sees a branch and all its teams but one can subtract. Of each unit that is shown, what is left when the largest shown units
-- below it are taken away must be nobody, or five at least.
with recursive

cells as (
    select * from {{ ref('int_employee_answers__cells') }}
),

shown as (
    select
        *,
        coalesce(org_unit_id, '') as unit
    from {{ ref('employee_nps') }}
    where reporting <> 'hidden'
),

-- from each shown unit upwards to the next one that is shown
climbed (programme, metric, period, unit, above) as (
    select
        shown.programme,
        shown.metric,
        shown.period,
        shown.unit,
        cells.parent_id
    from shown
    inner join cells
        on
            shown.programme = cells.programme
            and shown.metric = cells.metric
            and shown.period = cells.period
            and shown.unit = cells.org_unit_id
    union all
    select
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.unit,
        cells.parent_id
    from climbed
    inner join cells
        on
            climbed.programme = cells.programme
            and climbed.metric = cells.metric
            and climbed.period = cells.period
            and climbed.above = cells.org_unit_id
    left join shown
        on
            climbed.programme = shown.programme
            and climbed.metric = shown.metric
            and climbed.period = shown.period
            and climbed.above = shown.unit
    where shown.unit is null
),

parts as (
    select
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.above,
        sum(shown.responses) as responses
    from climbed
    inner join shown
        on
            climbed.programme = shown.programme
            and climbed.metric = shown.metric
            and climbed.period = shown.period
            and climbed.unit = shown.unit
    group by
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.above
)

select
    shown.programme,
    shown.period,
    shown.unit,
    shown.responses - coalesce(parts.responses, 0) as left_over
from shown
left join parts
    on
        shown.programme = parts.programme
        and shown.metric = parts.metric
        and shown.period = parts.period
        and shown.unit = parts.above
where shown.responses - coalesce(parts.responses, 0) between 1 and 4
