-- one row per wave of a survey programme, as it was when it was drawn
with

waves as (
    select * from {{ source('ops', 'waves') }}
),

renamed as (
    select
        wave_id,
        programme,
        name as wave,
        method as survey_method,
        delivery,
        {{ json_text('config', 'kind') }} as programme_kind,
        {{ json_text('config', 'scale') }} as scale,
        cast({{ json_text('config', 'quarantine_days') }} as integer) as quarantine_days,
        cast({{ json_text('quarantine', 'any_programme_days') }} as integer) as any_programme_days,
        cast({{ json_text('quarantine', 'after_decline_days') }} as integer) as after_decline_days,
        config,
        candidates,
        turned_away,
        drawn,
        covers_from,
        covers_to,
        as_of,
        drawn_at
    from waves
)

select * from renamed
