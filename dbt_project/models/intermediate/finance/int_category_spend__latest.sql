-- one row per customer and period that is over: the latest version of what the customer spent with everyone in the category.
-- Where several records of a customer have a figure for one period, the newest counts: they say the same, and their sum says it twice.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_category_spend') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

of_records as (
    {{ latest_version('versions', ['customer_id', 'period_from']) }}
),

resolved as (
    select
        of_records._key,
        {{ survivor_of('of_records.customer_id') }} as customer_id,
        of_records.amount,
        of_records.period_from,
        of_records.period_to,
        of_records.updated_at,
        of_records._loaded_at,
        of_records._batch_id,
        of_records._is_deleted
    from of_records
    left join survivors
        on of_records.customer_id = survivors.customer_id
),

latest as (
    {{ latest_version('resolved', ['customer_id', 'period_from']) }}
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
