-- one row per work order that was opened before as_of: why, whose it is, what became of it, in time or not, and what is at stake.
-- Made anew by each build from the events that it knows: orders are few beside answers, and any of them may be reopened.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['work_order_id'], 'unique': true}, {'columns': ['customer_id']}]) }}

with

orders as (
    select * from {{ ref('int_work_orders__placed') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

lifetime_values as (
    select * from {{ ref('customer_lifetime_values') }}
),

-- what the customer says of it all: the last answer to the survey that was sent after the order was closed
recoveries as (
    select
        orders.work_order_id,
        responses.response_id,
        responses.band,
        responses.score,
        row_number() over (
            partition by orders.work_order_id
            order by responses.responded_at desc, responses.response_id desc
        ) as recency
    from orders
    inner join responses
        on cast(orders.recovery_invitation_id as text) = responses.invitation_id
    where responses.excluded_reason is null
)

select
    orders.work_order_id,
    orders.customer_id,
    orders.interaction_id,
    orders.response_id,
    recoveries.response_id as recovery_response_id,
    orders.org_unit_id,
    orders.team_id,
    orders.branch_id,
    orders.org_region_id,
    orders.company_id,
    orders.rule,
    orders.signal_kind as trigger_kind,
    orders.programme,
    responses.band,
    recoveries.band as recovery_band,
    orders.arm,
    case when orders.is_open then 'open' else 'closed' end as state,
    orders.close_reason,
    orders.action,
    orders.impact,
    orders.score_when_opened,
    responses.score,
    recoveries.score as recovery_score,
    cast(orders.attempts as bigint) as attempts,
    cast(orders.signals_added as bigint) as signals_added,
    cast(orders.escalations as bigint) as escalations,
    cast(orders.times_reopened as bigint) as times_reopened,
    orders.hours_to_first_attempt,
    orders.hours_to_close,
    cast(orders.spent as numeric(18, 2)) as cost, -- noqa: RF04
    cast(lifetime_values.lifetime_value_expected as numeric(18, 4)) as value_at_stake,
    orders.is_call_wanted,
    orders.reached_at is not null as is_reached,
    orders.is_contacted_in_time,
    orders.is_closed_in_time,
    orders.opened_on,
    orders.opened_at,
    orders.first_attempt_due_at,
    orders.first_attempt_at,
    orders.reached_at,
    orders.close_due_at,
    orders.closed_at,
    orders.recovery_asked_at
from orders
left join responses
    on orders.response_id = responses.response_id
left join recoveries
    on
        orders.work_order_id = recoveries.work_order_id
        and recoveries.recency = 1
left join lifetime_values
    on orders.customer_id = lifetime_values.customer_id
