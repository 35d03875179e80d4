-- A customer with two parents, or a ring, lets one brought customer be claimed twice and a walk up the tree never end.
-- Every kept edge must be the only one into its customer, have a depth, and be one deeper than the edge above it.
with

kept as (
    select * from {{ ref('fct_referrals') }}
    where is_kept
),

claimed_twice as (
    select
        referred_customer_id,
        'two parents' as fault
    from kept
    group by referred_customer_id
    having count(*) > 1
),

misplaced as (
    select
        children.referred_customer_id,
        'depth or root does not follow from the parent' as fault
    from kept as children
    left join kept as parents
        on children.referrer_customer_id = parents.referred_customer_id
    where
        children.depth is null
        or children.depth != coalesce(parents.depth, 0) + 1
        or children.root_customer_id != coalesce(parents.root_customer_id, children.referrer_customer_id)
)

select * from claimed_twice
union all
select * from misplaced
