-- A posting dropped between raw and mart makes every value too low, and nobody sees it.
-- Every posting known and in time must stand in the reconciliation once, with its amount as posted.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

revenue as (
    select * from {{ ref('stg_revenue') }}
),

latest_revenue as (
    {{ latest_version('revenue') }}
),

sent as (
    select
        count(*) as postings,
        coalesce(sum(latest_revenue.amount), 0) as amount
    from latest_revenue
    cross join current_build
    where latest_revenue.booked_on < current_build.as_of_on
),

reconciled as (
    select
        coalesce(sum(postings), 0) as postings,
        coalesce(sum(posted_amount), 0) as amount
    from {{ ref('ledger_reconciliation') }}
    where ledger = 'revenue'
)

select
    sent.postings as sent_postings,
    reconciled.postings as reconciled_postings,
    sent.amount as sent_amount,
    reconciled.amount as reconciled_amount
from sent
cross join reconciled
where
    sent.postings != reconciled.postings
    or sent.amount != reconciled.amount
