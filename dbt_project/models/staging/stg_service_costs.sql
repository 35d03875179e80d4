-- one row per version of a posting of a service cost, from the batches of the current build
with

versions as (
    {{ versions_in_build('service_costs') }}
),

renamed as (
    select
        cost_id,
        customer_id,
        interaction_id,
        amount,
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
