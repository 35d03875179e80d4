-- one row per version of an answer of a panel, from the batches of the current build
with

versions as (
    {{ versions_in_build('benchmark_responses') }}
),

renamed as (
    select
        native_id as response_id,
        competitor,
        panel,
        score,
        weight,
        responded_at,
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
