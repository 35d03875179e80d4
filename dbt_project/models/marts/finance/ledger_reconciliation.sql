-- one row per ledger, currency and attribution: every posting that finance sent by the as-of day, counted once.
-- What is attributed to customers adds up to customer_lifetime_values; the rest says why it does not.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

revenue as (
    select
        *,
        case
            when not is_converted then 'no exchange rate'
            when not is_known_customer then 'unknown customer'
            else 'customers'
        end as attribution
    from {{ ref('int_revenue__latest') }}
),

service_costs as (
    select * from {{ ref('int_service_costs__latest') }}
),

acquisition_costs as (
    select * from {{ ref('int_acquisition_costs__latest') }}
),

postings as (
    select
        'revenue' as ledger,
        currency,
        attribution,
        posted_amount,
        amount
    from revenue
    union all
    select
        'direct cost' as ledger,
        currency,
        attribution,
        posted_direct_cost as posted_amount,
        direct_cost as amount
    from revenue
    where posted_direct_cost is not null
    union all
    select
        'service cost' as ledger,
        current_build.company_currency as currency,
        service_costs.attribution,
        service_costs.amount as posted_amount,
        service_costs.amount
    from service_costs
    cross join current_build
    union all
    select
        'acquisition cost' as ledger,
        current_build.company_currency as currency,
        acquisition_costs.attribution,
        acquisition_costs.amount as posted_amount,
        acquisition_costs.amount
    from acquisition_costs
    cross join current_build
),

reconciled as (
    select
        {{ stable_id('ledger_reconciliation', ['ledger', 'currency', 'attribution']) }} as ledger_reconciliation_id,
        ledger,
        currency,
        attribution,
        count(*) as postings,
        sum(posted_amount) as posted_amount,
        sum(amount) as amount,
        attribution = 'customers' as is_in_lifetime_values
    from postings
    group by
        ledger,
        currency,
        attribution
)

select * from reconciled
