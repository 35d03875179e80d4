-- one row per version of a customer, from the batches of the current build
with

versions as (
    {{ versions_in_build('customers') }}
),

renamed as (
    select
        customer_id,
        account_id,
        merged_into,
        locale,
        timezone,
        contact_role,
        segment,
        region,
        country,
        acquisition_channel,
        heard_from,
        status,
        do_not_contact,
        has_email,
        opted_out,
        is_staff,
        joined_on,
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
