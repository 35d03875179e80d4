-- one row per version of a posting of an acquisition cost, from the batches of the current build
with

versions as (
    {{ versions_in_build('acquisition_costs') }}
),

renamed as (
    select
        cost_id,
        customer_id,
        acquisition_channel,
        amount,
        period_from,
        period_to,
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
