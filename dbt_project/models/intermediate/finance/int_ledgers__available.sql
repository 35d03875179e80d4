-- one row: which ledgers finance sends. A cost that no ledger carries is not known, which is not the same as none.
with

revenue as (
    select
        count(*) as postings,
        count(direct_cost) as postings_with_direct_cost
    from {{ ref('int_revenue__latest') }}
),

service_costs as (
    select count(*) as postings from {{ ref('int_service_costs__latest') }}
),

acquisition_costs as (
    select
        count(*) as postings,
        min(period_from) as first_period_from
    from {{ ref('int_acquisition_costs__latest') }}
)

select
    revenue.postings > 0 as has_revenue,
    revenue.postings_with_direct_cost > 0 as has_direct_costs,
    service_costs.postings > 0 as has_service_costs,
    acquisition_costs.postings > 0 as has_acquisition_costs,
    acquisition_costs.first_period_from as acquisition_costs_from
from revenue
cross join service_costs
cross join acquisition_costs
