-- one row per version of an employee and first day, from the batches of the current build
with

versions as (
    {{ versions_in_build('employees') }}
),

renamed as (
    select
        employee_id,
        org_unit_id,
        manager_id,
        role,
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
