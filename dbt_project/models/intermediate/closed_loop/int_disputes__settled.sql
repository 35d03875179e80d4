-- one row per answer that is, or ever was, disputed: whether a dispute is upheld, and whose customer it then was (nobody's: empty).
-- The last decision on a dispute holds; of an answer's disputes that are upheld, the one decided last says whose the answer is.
{{ config(post_hook="{{ analyze() }}") }}

with

disputes as (
    select * from {{ ref('stg_disputes') }}
),

decisions as (
    select * from {{ ref('stg_dispute_decisions') }}
),

mentioned as (
    select * from {{ ref('int_responses__mentioned') }}
),

ranked_decisions as (
    select
        *,
        row_number() over (
            partition by dispute_id
            order by decision_id desc
        ) as recency
    from decisions
),

upheld as (
    select
        disputes.response_key,
        ranked_decisions.to_employee_id,
        row_number() over (
            partition by disputes.response_key
            order by ranked_decisions.decision_id desc
        ) as recency
    from ranked_decisions
    inner join disputes
        on ranked_decisions.dispute_id = disputes.dispute_id
    where
        ranked_decisions.recency = 1
        and ranked_decisions.decision = 'upheld'
),

disputed as (
    select distinct response_key from disputes
)

select
    mentioned.response_id,
    max(upheld.to_employee_id) as to_employee_id,
    max(case when upheld.response_key is not null then 1 else 0 end) = 1 as is_upheld
from disputed
inner join mentioned
    on disputed.response_key = mentioned.response_key
left join upheld
    on
        disputed.response_key = upheld.response_key
        and upheld.recency = 1
group by mentioned.response_id
