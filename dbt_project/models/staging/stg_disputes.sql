-- one row per dispute about whose customer an answer is from, as it was opened
with

disputes as (
    select * from {{ source('ops', 'disputes') }}
),

renamed as (
    select
        dispute_id,
        {{ as_uuid('response_key') }} as response_key,
        employee_id,
        reason,
        opened_at
    from disputes
)

select * from renamed
