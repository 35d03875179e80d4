-- one row per version of an attempt to contact a customer, from the batches of the current build
with

versions as (
    {{ versions_in_build('contact_outcomes') }}
),

renamed as (
    select
        attempt_id,
        work_order_id,
        employee_id,
        action_cost,
        reached,
        follow_up_on,
        attempted_at,
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
