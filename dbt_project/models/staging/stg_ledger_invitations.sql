-- one row per invitation of the ledger, as it was when it was drawn
with

invitations as (
    select * from {{ source('ops', 'invitations') }}
),

renamed as (
    select
        invitation_id,
        wave_id,
        customer_id,
        employee_id,
        interaction_id,
        programme,
        provider as survey_provider,
        channel as survey_channel,
        locale,
        stratum,
        arms,
        inclusion_probability,
        design_weight,
        invited_at as drawn_at,
        due_at,
        expires_at
    from invitations
)

select * from renamed
