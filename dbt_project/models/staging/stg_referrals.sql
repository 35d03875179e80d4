-- one row per version of a referral, from the batches of the current build
with

versions as (
    {{ versions_in_build('referrals') }}
),

renamed as (
    select
        referral_id,
        referrer_customer_id,
        referred_customer_id,
        would_have_come_anyway,
        referred_on,
        converted_on,
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
