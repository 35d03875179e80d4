-- one row per candidate of a wave: drawn, not drawn, or turned away
with

frames as (
    select * from {{ source('quality', 'wave_frames') }}
),

renamed as (
    select
        wave_id,
        customer_id,
        interaction_id,
        stratum,
        outcome,
        reason,
        inclusion_probability
    from frames
)

select * from renamed
