-- Two referrers credited with the same customer make word of mouth look worth more than the company ever earned.
-- What all customers hold must be what finance attributes to customers, to the last digit; and the tree of the first referrer of a
-- line, which Python sums level by level, must be what SQL finds by the root of each edge.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

ledger as (
    {{ analysed_in_build('referral_ledger') }}
),

-- a build whose analyses have not run yet holds no ledger to judge; one that has run must hold it whole
analysed as (
    select fits.build_id
    from {{ source('analysis', 'fits') }} as fits
    inner join current_build
        on fits.build_id = current_build.build_id
    where
        fits.analysis = 'referrals'
        and fits.part = 'ledger'
),

finance as (
    select
        sum(case when ledger = 'revenue' then amount else -amount end) as expected,
        sum(case when ledger = 'revenue' then 1 else 0 end) as revenues
    from {{ ref('ledger_reconciliation') }}
    where is_in_lifetime_values
),

held as (
    select sum(ledger_value) as found
    from ledger
),

trees as (
    select
        referrals.root_customer_id as customer_id,
        sum(lifetime_values.lifetime_value_to_date) as expected
    from {{ ref('fct_referrals') }} as referrals
    inner join {{ ref('customer_lifetime_values') }} as lifetime_values
        on referrals.referred_customer_id = lifetime_values.customer_id
    where referrals.is_kept
    group by referrals.root_customer_id
)

select
    'all customers' as customer_id,
    finance.expected,
    held.found
from finance
cross join held
cross join analysed
where
    -- without revenue from finance there is no value to share out
    finance.revenues > 0
    and (held.found is null or held.found != finance.expected)
union all
select
    trees.customer_id,
    trees.expected,
    ledger.tree_value as found
from trees
cross join analysed
left join ledger
    on trees.customer_id = ledger.customer_id
where
    trees.expected is not null
    and (ledger.tree_value is null or ledger.tree_value != trees.expected)
