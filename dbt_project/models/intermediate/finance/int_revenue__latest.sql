-- one row per posting of revenue: its latest version, booked before the as-of day, in company currency.
-- A posting that no rate converts stays, with empty amounts and is_converted = false.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_revenue') }}
),

exchange_rates as (
    select * from {{ ref('int_exchange_rates__periods') }}
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

in_time as (
    select
        latest.*,
        coalesce(nullif(upper(trim(latest.currency)), ''), current_build.company_currency) as posting_currency,
        current_build.company_currency
    from latest
    cross join current_build
    where latest.booked_on < current_build.as_of_on
),

rated as (
    select
        in_time.*,
        case
            when in_time.posting_currency = in_time.company_currency then 1
            else exchange_rates.rate
        end as exchange_rate
    from in_time
    left join exchange_rates
        on
            in_time.posting_currency = exchange_rates.currency
            and in_time.booked_on >= exchange_rates.valid_from
            and (in_time.booked_on < exchange_rates.valid_before or exchange_rates.valid_before is null)
)

select
    rated._key as revenue_key,
    rated.revenue_id,
    {{ survivor_of('rated.customer_id') }} as customer_id,
    rated.product_id,
    rated.interaction_id,
    rated.posting_currency as currency,
    cast(rated.amount as numeric(18, 4)) as posted_amount,
    cast(rated.direct_cost as numeric(18, 4)) as posted_direct_cost,
    cast(rated.exchange_rate as numeric(18, 8)) as exchange_rate,
    cast(rated.amount * rated.exchange_rate as numeric(18, 4)) as amount,
    cast(rated.direct_cost * rated.exchange_rate as numeric(18, 4)) as direct_cost,
    rated.exchange_rate is not null as is_converted,
    customers.customer_id is not null as is_known_customer,
    rated.booked_on
from rated
left join survivors
    on rated.customer_id = survivors.customer_id
left join customers
    on {{ survivor_of('rated.customer_id') }} = customers.customer_id
