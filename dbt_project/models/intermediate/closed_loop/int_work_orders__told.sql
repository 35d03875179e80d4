-- one row per work order that this build knows: what became of it, as its events tell. The twin of ops.work_orders, cut by both clocks.
-- Made anew by each build: orders are as many as unhappy customers, and an old one may be reopened.
{{ config(post_hook="{{ analyze() }}") }}

with

events as (
    select * from {{ ref('stg_order_events') }}
),

counted as (
    select
        work_order_id,
        max(case when event = 'opened' then event_id end) as opened_id,
        max(case when event in ('opened', 'assigned') then event_id end) as owner_id,
        max(case when event in ('opened', 'reopened', 'closed') then event_id end) as state_id,
        max(case when close_due_at is not null then event_id end) as close_due_id,
        max(case when call_wanted is not null then event_id end) as wish_id,
        max(case when event = 'attempted' and action is not null then event_id end) as action_id,
        max(case when event = 'attempted' and impact is not null then event_id end) as impact_id,
        max(case when event = 'recovery_asked' then event_id end) as recovery_id,
        sum(case when event = 'attempted' then 1 else 0 end) as attempts,
        sum(case when event = 'signal_added' then 1 else 0 end) as signals_added,
        sum(case when event = 'reopened' then 1 else 0 end) as times_reopened,
        sum(case when event = 'escalated' then 1 else 0 end) as escalations,
        sum(case when event = 'answer_corrected' then 1 else 0 end) as corrections,
        sum(case when event = 'spent' then amount else 0 end) as spent,
        min(case when event = 'attempted' then occurred_at end) as first_attempt_at,
        min(case when event = 'attempted' and reached then occurred_at end) as reached_at
    from events
    group by work_order_id
)

select
    counted.work_order_id,
    owners.org_unit_id,
    recoveries.invitation_id as recovery_invitation_id,
    states.event <> 'closed' as is_open,
    case when states.event = 'closed' then states.reason end as close_reason,
    actions.action,
    impacts.impact,
    counted.attempts,
    counted.signals_added,
    counted.times_reopened,
    counted.escalations,
    counted.corrections,
    counted.spent,
    wishes.call_wanted,
    counted.first_attempt_at,
    counted.reached_at,
    case when states.event = 'closed' then states.occurred_at end as closed_at,
    close_dues.close_due_at,
    recoveries.occurred_at as recovery_asked_at
from counted
left join events as owners
    on counted.owner_id = owners.event_id
left join events as states
    on counted.state_id = states.event_id
left join events as close_dues
    on counted.close_due_id = close_dues.event_id
left join events as wishes
    on counted.wish_id = wishes.event_id
left join events as actions
    on counted.action_id = actions.event_id
left join events as impacts
    on counted.impact_id = impacts.event_id
left join events as recoveries
    on counted.recovery_id = recoveries.event_id
-- an order is known from its opening on
where counted.opened_id is not null
