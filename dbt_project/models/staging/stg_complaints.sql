-- one row per version of a complaint, from the batches of the current build
with

versions as (
    {{ versions_in_build('complaints') }}
),

renamed as (
    select
        complaint_id,
        customer_id,
        interaction_id,
        category,
        opened_at,
        resolved_at,
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
