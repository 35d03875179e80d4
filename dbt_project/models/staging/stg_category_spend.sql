-- one row per version of a customer and period of spend in the category, from the batches of the current build
with

versions as (
    {{ versions_in_build('category_spend') }}
),

renamed as (
    select
        customer_id,
        amount,
        period_from,
        period_to,
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
