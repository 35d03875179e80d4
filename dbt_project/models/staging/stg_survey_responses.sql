-- one row per version of an answer to a survey, from the batches of the current build
with

versions as (
    {{ versions_in_build('survey_responses') }}
),

renamed as (
    select
        {{ stable_id('response', ['provider', 'account', 'native_id']) }} as response_id,
        native_id,
        invitation_id,
        customer_id,
        interaction_id,
        provider,
        account,
        programme,
        scale,
        answers,
        locale,
        score,
        is_complete,
        may_call_back,
        period_from,
        period_to,
        responded_at,
        started_at,
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
