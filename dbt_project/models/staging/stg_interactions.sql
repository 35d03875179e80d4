-- one row per version of an interaction, from the batches of the current build
with

versions as (
    {{ versions_in_build('interactions') }}
),

renamed as (
    select
        interaction_id,
        customer_id,
        product_id,
        employee_id,
        org_unit_id,
        channel,
        interaction_type,
        interaction_subtype,
        outcome,
        attributes,
        occurred_at,
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
