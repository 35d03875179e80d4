-- one row per customer who takes part in the randomised delay, with his or her first order in it: its arm, what was known of the
-- customer when it was opened, and the score that the customer gave afterwards (100, 0 or -100; empty without an answer).
-- Answers to the survey that follows the closing of an order are left out: who is asked by it hangs on how the order went.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

orders as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by opened_at, work_order_id
        ) as place
    from {{ ref('int_work_orders__placed') }}
    where arm is not null
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

answered as (
    select
        orders.work_order_id,
        case responses.band when 'promoter' then 100 when 'detractor' then -100 else 0 end as mark,
        row_number() over (
            partition by orders.work_order_id
            order by responses.responded_at, responses.response_id
        ) as place
    from orders
    inner join responses
        on
            orders.customer_id = responses.customer_id
            and orders.opened_at < responses.responded_at
            and responses.responded_at < {{ add_days_to_moment('orders.opened_at', days_to_answer_again()) }}
    cross join current_build
    where
        orders.place = 1
        and responses.excluded_reason is null
        and responses.metric = 'nps'
        and responses.programme <> coalesce(current_build.recovery_programme, '')
)

select
    orders.work_order_id,
    orders.customer_id,
    orders.team_id,
    orders.branch_id,
    orders.org_region_id,
    orders.company_id,
    orders.arm,
    -- who was how unhappy, and had been asked before or not, answers more or less often
    case
        when orders.score_when_opened is null then 'no score'
        when orders.score_when_opened < 4 then 'under 4'
        when orders.score_when_opened < 7 then 'under 7'
        else '7 and more'
    end || case when orders.previous_score is null then ', first answer' else '' end || coalesce(', ' || asked.segment, '') as stratum,
    answered.mark,
    orders.opened_on
from orders
left join responses as asked
    on orders.response_id = asked.response_id
left join answered
    on
        orders.work_order_id = answered.work_order_id
        and answered.place = 1
where orders.place = 1
