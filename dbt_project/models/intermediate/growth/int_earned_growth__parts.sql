-- one row per period and part of its revenue: how many customers it comes from and how much it is, in company currency.
-- A customer of a period is who has a posting above zero in it. Of the revenue of a period, that of
-- * last period's customers is retained, refunds included;
-- * customers whose first posting above zero lies in it, and who joined since the ledger began, is new: earned where somebody
--   referred them, bought where the company paid to win them, else unknown;
-- * all other customers is returning: they came back after a gap, were customers before the ledger began, or have refunds alone.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

revenue as (
    select * from {{ ref('int_revenue__latest') }}
    where is_converted
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

origins as (
    select * from {{ ref('int_customers__origins') }}
),

periods as (
    select * from {{ ref('int_earned_growth__periods') }}
),

ledger as (
    select {{ period_start('min(booked_on)', 'month') }} as first_month_on from revenue
),

-- fiscal quarters and years are made of whole months, so the postings are summed once
months as (
    select
        customer_id,
        is_known_customer,
        {{ period_start('booked_on', 'month') }} as month_starts_on,
        sum(amount) as amount,
        max(case when amount > 0 then 1 else 0 end) as has_bought
    from revenue
    group by
        customer_id,
        is_known_customer,
        {{ period_start('booked_on', 'month') }}
),

placed as (
    {%- for grain in growth_grains() %}
    select
        months.customer_id,
        months.is_known_customer,
        '{{ grain }}' as period_grain,
        {{ fiscal_period_start('months.month_starts_on', grain, 'current_build.fiscal_year_starts_month') }} as period_starts_on,
        months.amount,
        months.has_bought
    from months
    cross join current_build
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

summed as (
    select
        customer_id,
        is_known_customer,
        period_grain,
        period_starts_on,
        sum(amount) as amount,
        max(has_bought) as has_bought
    from placed
    group by
        customer_id,
        is_known_customer,
        period_grain,
        period_starts_on
),

compared as (
    select
        *,
        {{ shifted_period_start('period_starts_on', -1) }} as period_before_on,
        max(case when has_bought = 1 then period_starts_on end) over (
            partition by customer_id, period_grain
            order by period_starts_on
            rows between unbounded preceding and 1 preceding
        ) as last_bought_on
    from summed
),

judged as (
    select
        compared.period_grain,
        compared.period_starts_on,
        compared.amount,
        compared.has_bought,
        case
            when not compared.is_known_customer then 'unknown_customer'
            when compared.last_bought_on = compared.period_before_on then 'retained'
            when
                compared.last_bought_on is null
                and compared.has_bought = 1
                and customers.joined_on >= ledger.first_month_on
                then
                    case origins.origin
                        when 'referred' then 'earned_new'
                        when 'bought' then 'bought_new'
                        else 'unknown_new'
                    end
            else 'returning'
        end as part
    from compared
    cross join ledger
    left join customers
        on compared.customer_id = customers.customer_id
    left join origins
        on compared.customer_id = origins.customer_id
)

select
    judged.period_grain,
    judged.part,
    sum(judged.has_bought) as customers,
    cast(sum(judged.amount) as numeric(18, 4)) as amount,
    judged.period_starts_on
from judged
inner join periods
    on
        judged.period_grain = periods.period_grain
        and judged.period_starts_on = periods.period_starts_on
group by
    judged.period_grain,
    judged.part,
    judged.period_starts_on
