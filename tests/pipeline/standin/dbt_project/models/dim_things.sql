-- one row per thing; kept between builds and added to, as the real facts are
{{ config(materialized='incremental', unique_key='product_id') }}
select
    products.product_id,
    products.name,
    current_build.build_id as marker
from {{ source('raw', 'products') }} as products
inner join {{ source('ops', 'build_batches') }} as build_batches on products._batch_id = build_batches.batch_id
inner join {{ source('ops', 'current_build') }} as current_build on build_batches.build_id = current_build.build_id
