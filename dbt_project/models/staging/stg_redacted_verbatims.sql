-- one row per version of an answer's words, redacted, from the batches of the current build
with

versions as (
    {{ versions_in_build('redacted_verbatims', schema='ops') }}
),

renamed as (
    select
        _key,
        _batch_id,
        build_id,
        verbatim,
        replaced
    from versions
)

select * from renamed
