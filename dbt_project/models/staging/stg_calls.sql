-- one row per version of a call, from the batches of the current build
with

versions as (
    {{ versions_in_build('calls') }}
),

renamed as (
    select
        call_id,
        interaction_id,
        topics,
        speech_sentiment,
        failed_interaction_score,
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
