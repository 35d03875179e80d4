-- one row per posting of an acquisition cost: its latest version, and whom it can be charged to.
-- A channel's cost is charged once its period is over: before that, those who still join would come free.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_acquisition_costs') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

latest as (
    {{ latest_version('versions') }}
),

-- every posting with the number of customers who joined in its channel and period
joined as (
    select
        latest._key as cost_key,
        count(customers.customer_id) as customers_joined
    from latest
    left join customers
        on
            latest.acquisition_channel = customers.acquisition_channel
            and customers.joined_on between latest.period_from and latest.period_to
    where latest.customer_id is null
    group by latest._key
)

select
    latest._key as cost_key,
    latest.cost_id,
    {{ survivor_of('latest.customer_id') }} as customer_id,
    latest.acquisition_channel,
    case
        when latest.amount is null then 'no amount'
        when latest.customer_id is not null and customers.customer_id is null then 'unknown customer'
        when latest.customer_id is not null then 'customers'
        when latest.acquisition_channel is null then 'no customer and no channel'
        when latest.period_from is null or latest.period_to is null then 'no period'
        when latest.period_to >= current_build.as_of_on then 'period not over'
        when joined.customers_joined = 0 then 'nobody joined'
        else 'customers'
    end as attribution,
    cast(latest.amount as numeric(18, 4)) as amount,
    latest.period_from,
    latest.period_to
from latest
cross join current_build
left join survivors
    on latest.customer_id = survivors.customer_id
left join customers
    on {{ survivor_of('latest.customer_id') }} = customers.customer_id
left join joined
    on latest._key = joined.cost_key
where
    latest.period_from < current_build.as_of_on
    or latest.period_from is null
