-- one row per work order that this build knows: whom and what it is about, whose it is, what became of it, and whether that was in time.
-- An order that was held back for a comparison, and one whose customer does not want to be called, is not late for not being called.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

orders as (
    select * from {{ ref('stg_work_orders') }}
),

told as (
    select * from {{ ref('int_work_orders__told') }}
),

signals as (
    select * from {{ ref('stg_signals') }}
),

mentioned as (
    select * from {{ ref('int_responses__mentioned') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

paths as (
    select * from {{ ref('int_org_units__paths') }}
),

whole as (
    select
        orders.work_order_id,
        {{ survivor_of('orders.customer_id') }} as customer_id,
        orders.interaction_id,
        mentioned.response_id,
        told.recovery_invitation_id,
        -- nobody's yet: then it is the unit's that it is about
        coalesce(told.org_unit_id, signals.org_unit_id) as org_unit_id,
        signals.programme,
        orders.rule,
        signals.signal_kind,
        orders.arm,
        told.close_reason,
        told.action,
        told.impact,
        signals.score as score_when_opened,
        signals.previous_score,
        told.attempts,
        told.signals_added,
        told.times_reopened,
        told.escalations,
        told.corrections,
        told.spent,
        told.is_open,
        coalesce(told.call_wanted, true) as is_call_wanted,
        {{ company_date('orders.opened_at', 'current_build.company_timezone') }} as opened_on,
        orders.opened_at,
        orders.first_attempt_due_at,
        told.first_attempt_at,
        told.reached_at,
        told.close_due_at,
        told.closed_at,
        told.recovery_asked_at,
        current_build.as_of
    from told
    inner join orders
        on told.work_order_id = orders.work_order_id
    cross join current_build
    left join signals
        on orders.signal_id = signals.signal_id
    left join mentioned
        on orders.response_key = mentioned.response_key
    left join survivors
        on orders.customer_id = survivors.customer_id
)

select
    whole.work_order_id,
    whole.customer_id,
    whole.interaction_id,
    whole.response_id,
    whole.recovery_invitation_id,
    whole.org_unit_id,
    paths.team_id,
    paths.branch_id,
    paths.org_region_id,
    paths.company_id,
    whole.programme,
    whole.rule,
    whole.signal_kind,
    whole.arm,
    whole.close_reason,
    whole.action,
    whole.impact,
    whole.score_when_opened,
    whole.previous_score,
    whole.attempts,
    whole.signals_added,
    whole.times_reopened,
    whole.escalations,
    whole.corrections,
    whole.spent,
    {{ hours_between('whole.opened_at', 'whole.first_attempt_at') }} as hours_to_first_attempt,
    {{ hours_between('whole.opened_at', 'whole.closed_at') }} as hours_to_close,
    whole.is_open,
    whole.is_call_wanted,
    case
        when coalesce(whole.arm, '') = 'delayed' then null
        when whole.first_attempt_at is not null then whole.first_attempt_at <= whole.first_attempt_due_at
        when not whole.is_call_wanted then null
        -- settled without a call before one was due
        when whole.closed_at <= whole.first_attempt_due_at then null
        when whole.first_attempt_due_at < whole.as_of then false
    end as is_contacted_in_time,
    case
        when coalesce(whole.arm, '') = 'delayed' then null
        when whole.closed_at is not null then whole.closed_at <= whole.close_due_at
        when whole.close_due_at < whole.as_of then false
    end as is_closed_in_time,
    whole.opened_on,
    whole.opened_at,
    whole.first_attempt_due_at,
    whole.first_attempt_at,
    whole.reached_at,
    whole.close_due_at,
    whole.closed_at,
    whole.recovery_asked_at
from whole
left join paths
    on
        whole.org_unit_id = paths.org_unit_id
        and whole.opened_on >= paths.valid_from
        and whole.opened_on < paths.valid_to
