-- one row: which ledgers finance sends. A cost that no ledger carries is not known, which is not the same as none.
with

entities as (
    select
        coalesce(max(case when entity = 'revenue' then 1 end), 0) = 1 as has_revenue,
        coalesce(max(case when entity = 'service_costs' then 1 end), 0) = 1 as has_service_costs,
        coalesce(max(case when entity = 'acquisition_costs' then 1 end), 0) = 1 as has_acquisition_costs
    from {{ ref('int_entities__available') }}
),

revenue as (
    select count(direct_cost) > 0 as has_direct_costs from {{ ref('int_revenue__latest') }}
),

acquisition_costs as (
    select min(period_from) as acquisition_costs_from from {{ ref('int_acquisition_costs__latest') }}
)

select
    entities.has_revenue,
    revenue.has_direct_costs,
    entities.has_service_costs,
    entities.has_acquisition_costs,
    acquisition_costs.acquisition_costs_from
from entities
cross join revenue
cross join acquisition_costs
