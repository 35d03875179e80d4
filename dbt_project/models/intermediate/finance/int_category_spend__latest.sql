-- one row per customer and period that is over: the latest version of what the customer spent with everyone in the category
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_category_spend') }}
),

latest as (
    {{ latest_version('versions', ['customer_id', 'period_from']) }}
)

select
    latest._key as category_spend_key,
    latest.customer_id,
    cast(latest.amount as numeric(18, 4)) as amount,
    latest.period_from,
    latest.period_to
from latest
cross join current_build
where
    latest.period_to < current_build.as_of_on
    and latest.period_to >= latest.period_from
    and latest.amount is not null
