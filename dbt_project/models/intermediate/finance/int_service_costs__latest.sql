-- one row per posting of a service cost: its latest version, and the customer whom it served.
-- The posting's own customer counts first, else the customer of its interaction; the booking date likewise.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_service_costs') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

latest as (
    {{ latest_version('versions') }}
),

placed as (
    select
        latest._key as cost_key,
        latest.cost_id,
        latest.interaction_id,
        coalesce({{ survivor_of('latest.customer_id') }}, interactions.customer_id) as customer_id,
        latest.amount,
        coalesce(latest.booked_on, interactions.occurred_on) as booked_on,
        current_build.as_of_on
    from latest
    cross join current_build
    left join interactions
        on latest.interaction_id = interactions.interaction_id
    left join survivors
        on latest.customer_id = survivors.customer_id
)

select
    placed.cost_key,
    placed.cost_id,
    placed.customer_id,
    placed.interaction_id,
    case
        when placed.amount is null then 'no amount'
        when placed.booked_on is null then 'no date'
        when customers.customer_id is null then 'unknown customer'
        else 'customers'
    end as attribution,
    cast(placed.amount as numeric(18, 4)) as amount,
    placed.booked_on
from placed
left join customers
    on placed.customer_id = customers.customer_id
where
    placed.booked_on < placed.as_of_on
    or placed.booked_on is null
