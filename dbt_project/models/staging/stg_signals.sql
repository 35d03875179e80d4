-- one row per time that a rule of the closed loop was met. Not cut: what is read of it belongs to a work order that is.
with

signals as (
    select * from {{ source('ops', 'signals') }}
),

renamed as (
    select
        signal_id,
        order_id as work_order_id,
        customer_id,
        interaction_id,
        org_unit_id,
        programme,
        rule,
        kind as signal_kind,
        subject,
        subject_key,
        outcome,
        score,
        previous_score,
        may_call_back,
        occurred_at,
        noticed_at
    from signals
)

select * from renamed
