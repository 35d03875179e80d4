-- one row per doubt about a version of an answer, from the batches of the current build
with

versions as (
    {{ versions_in_build('response_flags', schema='ops') }}
),

renamed as (
    select
        _key,
        _batch_id,
        flag,
        excludes
    from versions
)

select * from renamed
