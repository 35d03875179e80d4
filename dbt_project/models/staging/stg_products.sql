-- one row per version of a product, from the batches of the current build
with

versions as (
    {{ versions_in_build('products') }}
),

renamed as (
    select
        product_id,
        name,
        category,
        updated_at,
        _key,
        _batch_id,
        _source,
        _row_number,
        _flags,
        _is_deleted,
        _loaded_at
    from versions
)

select * from renamed
