-- one row per kept referral: its depth under the first referrer of its line.
-- Walks down from those whom nobody referred: each customer has one parent and no cycle is left, so each is met once.
with recursive

referrals as (
    select * from {{ ref('int_referrals__judged') }}
    where why_dropped is null
),

roots as (
    select distinct referrals.referrer_customer_id as customer_id
    from referrals
    left join referrals as parents
        on referrals.referrer_customer_id = parents.referred_customer_id
    where parents.referral_key is null
),

walked (referral_key, customer_id, root_customer_id, depth) as (
    select
        referrals.referral_key,
        referrals.referred_customer_id,
        roots.customer_id,
        1
    from referrals
    inner join roots
        on referrals.referrer_customer_id = roots.customer_id
    union all
    select
        referrals.referral_key,
        referrals.referred_customer_id,
        walked.root_customer_id,
        walked.depth + 1
    from walked
    inner join referrals
        on walked.customer_id = referrals.referrer_customer_id
)

select
    referral_key,
    root_customer_id,
    depth
from walked
