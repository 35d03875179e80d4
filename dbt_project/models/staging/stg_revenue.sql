-- one row per version of a posting of revenue, from the batches of the current build
with

versions as (
    {{ versions_in_build('revenue') }}
),

renamed as (
    select
        revenue_id,
        customer_id,
        product_id,
        interaction_id,
        currency,
        amount,
        direct_cost,
        booked_on,
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
