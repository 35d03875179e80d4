-- Finance believes a lifetime value only if the customers' parts add up to its own books, to the cent.
-- What the customers carry must equal what the ledgers hold as attributed to customers.
with

ledgers as (
    select
        coalesce(sum(case when ledger = 'revenue' then amount end), 0) as revenue,
        coalesce(sum(case when ledger = 'direct cost' then amount end), 0) as direct_cost,
        coalesce(sum(case when ledger = 'service cost' then amount end), 0) as cost_to_serve,
        coalesce(sum(case when ledger = 'acquisition cost' then amount end), 0) as acquisition_cost
    from {{ ref('ledger_reconciliation') }}
    where is_in_lifetime_values
),

customers as (
    select
        coalesce(sum(revenue), 0) as revenue,
        coalesce(sum(direct_cost), 0) as direct_cost,
        coalesce(sum(cost_to_serve), 0) as cost_to_serve,
        coalesce(sum(acquisition_cost), 0) as acquisition_cost,
        coalesce(sum(lifetime_value_to_date), 0) as lifetime_value_to_date
    from {{ ref('customer_lifetime_values') }}
)

select
    ledgers.*,
    customers.lifetime_value_to_date
from ledgers
cross join customers
where
    ledgers.revenue != customers.revenue
    or ledgers.direct_cost != customers.direct_cost
    or ledgers.cost_to_serve != customers.cost_to_serve
    or ledgers.acquisition_cost != customers.acquisition_cost
    -- without revenue from finance there is no value to add up
    or (
        ledgers.revenue != 0
        and ledgers.revenue - ledgers.direct_cost - ledgers.cost_to_serve - ledgers.acquisition_cost
        != customers.lifetime_value_to_date
    )
