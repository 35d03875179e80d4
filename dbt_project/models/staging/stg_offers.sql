-- one row per version of an offer, from the batches of the current build
with

versions as (
    {{ versions_in_build('offers') }}
),

renamed as (
    select
        offer_id,
        interaction_id,
        customer_id,
        offer_type,
        presented_at,
        accepted_at,
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
