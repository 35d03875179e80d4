-- one row per referral: kept, or why it was dropped; the kept ones are a forest (one parent each, no cycle).
-- The rules apply in the order in which they stand here. Of several referrers of one customer the one on record wins over the one
-- told in a survey, then the surer, then the first.
{{ config(pre_hook="{{ join_by_hash() }}", post_hook="{{ analyze() }}") }}

with

referrals as (
    select * from {{ ref('int_referrals__latest') }}
),

judged_alone as (
    select
        *,
        case
            when why_no_edge is not null then why_no_edge
            when referred_customer_id is null and converted_on is null then 'not converted'
            when referrer_customer_id = referred_customer_id then 'self'
            when referrer_joined_on is null or referred_joined_on is null then 'unknown customer'
            when referrer_joined_on > referred_joined_on then 'later than child'
        end as reason
    from referrals
),

candidates as (
    select
        referral_key,
        referral_id,
        referrer_customer_id,
        referred_customer_id,
        origin,
        confidence,
        referred_on,
        referrer_joined_on = referred_joined_on as joined_same_day,
        row_number() over (
            partition by referred_customer_id
            order by
                case when origin = 'survey' then 1 else 0 end, confidence desc nulls last,
                referred_on asc nulls last, referral_id asc, referral_key asc
        ) as place,
        first_value(referrer_customer_id) over (
            partition by referred_customer_id
            order by
                case when origin = 'survey' then 1 else 0 end, confidence desc nulls last,
                referred_on asc nulls last, referral_id asc, referral_key asc
        ) as parent_customer_id
    from judged_alone
    where reason is null
),

parents as (
    select * from candidates
    where place = 1
),

-- All other edges lead to a customer who joined later, so a cycle can only run through customers who joined on one day.
same_day as (
    select
        referrer_customer_id,
        referred_customer_id
    from parents
    where joined_same_day
),

-- Walks up in strides that double: after the last one only customers in a cycle, or below one, still have somebody above them.
-- `smallest` is the least id met on the way, so that all of one cycle end with the same. Whoever runs out of ancestors drops out.
strides_0 as (
    select
        referred_customer_id as customer_id,
        referrer_customer_id as ancestor_id,
        referred_customer_id as smallest
    from same_day
),

{% for stride in range(20) -%}
strides_{{ stride + 1 }} as (
    select
        near.customer_id,
        far.ancestor_id,
        least(near.smallest, far.smallest) as smallest
    from strides_{{ stride }} as near
    inner join strides_{{ stride }} as far
        on near.ancestor_id = far.customer_id
),

{% endfor -%}
cycles as (
    select distinct
        above.customer_id,
        above.smallest as cycle_id
    from strides_20 as below
    inner join strides_20 as above
        on below.ancestor_id = above.customer_id
),

-- the least sure edge closes the cycle; among equals the one that was recorded last
closing as (
    select
        parents.referral_key,
        row_number() over (
            partition by cycles.cycle_id
            order by
                case when parents.origin = 'survey' then 1 else 0 end desc, parents.confidence asc nulls last,
                parents.referred_on desc nulls first, parents.referral_id desc, parents.referral_key desc
        ) as place
    from parents
    inner join cycles
        on parents.referred_customer_id = cycles.customer_id
)

select
    judged_alone.referral_key,
    judged_alone.referral_id,
    judged_alone.origin,
    judged_alone.match_rule,
    judged_alone.confidence,
    judged_alone.referrer_customer_id,
    judged_alone.referred_customer_id,
    judged_alone.would_have_come_anyway,
    coalesce(
        judged_alone.reason,
        case
            when candidates.place > 1 and candidates.origin = 'survey' and candidates.referrer_customer_id = candidates.parent_customer_id
                then 'known already'
            when candidates.place > 1 then 'second parent'
        end,
        case when closing.place = 1 then 'cycle' end
    ) as why_dropped,
    judged_alone.referred_on,
    judged_alone.converted_on,
    judged_alone.referred_joined_on
from judged_alone
left join candidates
    on judged_alone.referral_key = candidates.referral_key
left join closing
    on judged_alone.referral_key = closing.referral_key
