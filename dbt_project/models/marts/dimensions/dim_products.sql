-- one row per product, as known now
with

versions as (
    select * from {{ ref('stg_products') }}
),

latest as (
    {{ latest_version('versions', ['product_id']) }}
)

select
    product_id,
    name,
    category
from latest
