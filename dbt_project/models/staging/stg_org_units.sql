-- one row per version of an unit of the organisation and first day, from the batches of the current build
with

versions as (
    {{ versions_in_build('org_units') }}
),

renamed as (
    select
        org_unit_id,
        parent_id,
        kind,
        name,
        valid_from,
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
