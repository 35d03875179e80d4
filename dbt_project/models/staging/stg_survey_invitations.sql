-- one row per version of an invitation, from the batches of the current build
with

versions as (
    {{ versions_in_build('survey_invitations') }}
),

renamed as (
    select
        invitation_id,
        customer_id,
        interaction_id,
        programme,
        disposition,
        sent_at,
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
