-- one row per work order, as it was opened. What became of it is told by its events; whether this build knows it, too.
with

orders as (
    select * from {{ source('ops', 'work_orders') }}
),

renamed as (
    select
        order_id as work_order_id,
        signal_id,
        customer_id,
        interaction_id,
        {{ as_uuid('response_key') }} as response_key,
        rule,
        arm,
        opened_at,
        first_attempt_due_at
    from orders
)

select * from renamed
