-- one row per version of an account, from the batches of the current build
with

versions as (
    {{ versions_in_build('accounts') }}
),

renamed as (
    select
        account_id,
        owner_employee_id,
        name,
        industry,
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
