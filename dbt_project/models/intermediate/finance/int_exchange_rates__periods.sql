-- one row per currency and first day: what one unit is worth in company currency, until the day before the next rate
with

exchange_rates as (
    select * from {{ source('ops', 'exchange_rates') }}
)

select
    currency,
    rate,
    valid_from,
    -- exclusive; empty for the newest rate
    lead(valid_from) over (
        partition by currency
        order by valid_from
    ) as valid_before
from exchange_rates
