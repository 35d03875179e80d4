-- one row per call to a customer because of a work order: whether it reached the customer, what it taught (redacted), and what followed.
-- Made anew by each build, as work orders are.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['attempt_id'], 'unique': true}, {'columns': ['work_order_id']}]) }}

with

events as (
    select * from {{ ref('stg_order_events') }}
),

orders as (
    select * from {{ ref('int_work_orders__placed') }}
),

learned as (
    select * from {{ ref('stg_redacted_learned') }}
),

attempts as (
    select
        *,
        row_number() over (
            partition by work_order_id
            order by event_id
        ) as attempt_number
    from events
    where event = 'attempted'
),

-- what was planned with a call is written down at the moment of the call
planned as (
    select
        work_order_id,
        occurred_at,
        min(due_at) as follow_up_due_at
    from events
    where event = 'follow_up_planned'
    group by
        work_order_id,
        occurred_at
)

select
    attempts.event_id as attempt_id,
    attempts.work_order_id,
    orders.customer_id,
    orders.org_unit_id,
    attempts.action,
    attempts.impact,
    learned.learned,
    attempts.attempt_number,
    {{ hours_between('orders.opened_at', 'attempts.occurred_at') }} as hours_since_opening,
    attempts.reached as is_reached,
    attempts.occurred_at as attempted_at,
    attempts.due_at as next_attempt_due_at,
    planned.follow_up_due_at
from attempts
inner join orders
    on attempts.work_order_id = orders.work_order_id
left join learned
    on attempts.event_id = learned.event_id
left join planned
    on
        attempts.work_order_id = planned.work_order_id
        and attempts.occurred_at = planned.occurred_at
