-- one row per posting of revenue or of a service cost that a customer's value is made of, in company currency.
-- A posting that no exchange rate converts has no amount and is left out.
{{ config(materialized='view') }}

with

revenue as (
    select * from {{ ref('int_revenue__latest') }}
),

service_costs as (
    select * from {{ ref('int_service_costs__latest') }}
)

select
    customer_id,
    amount - coalesce(direct_cost, 0) as margin,
    booked_on
from revenue
where amount is not null
union all
select
    customer_id,
    -amount as margin,
    booked_on
from service_costs
where
    customer_id is not null
    and amount is not null
    and booked_on is not null
