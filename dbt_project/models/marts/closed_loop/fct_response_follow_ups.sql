-- one row per answer × work order that it opened, or that was open already when it came and that it was added to.
-- Made anew by each build, as work orders are.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id']}, {'columns': ['work_order_id']}]) }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

orders as (
    select * from {{ ref('int_work_orders__placed') }}
),

mentioned as (
    select * from {{ ref('int_responses__mentioned') }}
),

-- one answer may meet several rules
added as (
    select
        mentioned.response_id,
        signals.work_order_id,
        min(signals.noticed_at) as added_at
    from {{ ref('stg_signals') }} as signals
    cross join current_build
    inner join mentioned
        on {{ as_uuid('signals.subject_key') }} = mentioned.response_key
    where
        signals.subject = 'response'
        and signals.work_order_id is not null
        and signals.noticed_at < current_build.as_of
    group by
        mentioned.response_id,
        signals.work_order_id
),

opened as (
    select
        response_id,
        work_order_id,
        opened_at
    from orders
    where response_id is not null
),

together as (
    select
        response_id,
        work_order_id
    from added
    union
    select
        response_id,
        work_order_id
    from opened
)

select
    together.response_id,
    together.work_order_id,
    opened.response_id is not null as is_opened_by_it,
    coalesce(opened.opened_at, added.added_at) as added_at
from together
inner join orders
    on together.work_order_id = orders.work_order_id
left join opened
    on
        together.response_id = opened.response_id
        and together.work_order_id = opened.work_order_id
left join added
    on
        together.response_id = added.response_id
        and together.work_order_id = added.work_order_id
