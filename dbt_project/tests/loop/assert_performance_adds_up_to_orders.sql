-- A unit whose orders are lost on the way to the summary looks as if its customers were content; one that gets others' looks worse.
-- Every order is in the cells of each unit above it, in one month and one year.
with

current_orders as (
    select * from {{ ref('fct_work_orders') }}
),

by_unit as (
    {{ unpivot('current_orders', ['cost'], unit_dimensions()) }}
),

orders as (
    select
        dimension,
        dimension_value,
        count(*) as orders,
        sum(cost) as spent
    from by_unit
    group by
        dimension,
        dimension_value
),

cells as (
    select
        period_grain,
        dimension,
        dimension_value,
        sum(opened) as orders,
        sum(cost) as spent
    from {{ ref('closed_loop_performance') }}
    group by
        period_grain,
        dimension,
        dimension_value
),

grains as (
    select 'month' as period_grain
    union all
    select 'year' as period_grain
)

select
    grains.period_grain,
    orders.dimension,
    orders.dimension_value,
    orders.orders,
    cells.orders as orders_in_cells
from orders
cross join grains
left join cells
    on
        grains.period_grain = cells.period_grain
        and orders.dimension = cells.dimension
        and orders.dimension_value = cells.dimension_value
where
    coalesce(cells.orders, 0) <> orders.orders
    or coalesce(cells.spent, 0) <> orders.spent
