-- one row per customer: for each measure of band_economics an amount and its exposure, both empty where not known.
-- Exposure is 1 for a mean per customer and the years as a customer, at most the last one, for a rate per year.
with

customers as (
    select * from {{ ref('customer_lifetime_values') }}
),

revenue as (
    select * from {{ ref('int_revenue__by_customer') }}
),

complaints as (
    select * from {{ ref('int_complaints__by_customer') }}
),

calls as (
    select * from {{ ref('int_calls__by_customer') }}
),

referrals as (
    select
        referrer_customer_id as customer_id,
        count(*) as referrals_made
    from {{ ref('int_referrals__judged') }}
    where why_dropped is null
    group by referrer_customer_id
),

available as (
    select
        coalesce(max(case when entity = 'complaints' then 1 end), 0) = 1 as has_complaints,
        coalesce(max(case when entity = 'calls' then 1 end), 0) = 1 as has_calls,
        coalesce(max(case when entity = 'referrals' then 1 end), 0) = 1 as has_referrals
    from {{ ref('int_entities__available') }}
),

exposed as (
    select
        customer_id,
        case
            when tenure_days >= 365 then 1
            when tenure_days > 0 then cast(tenure_days as numeric(18, 4)) / 365
        end as years
    from customers
),

amounts as (
    select
        customers.customer_id,
        exposed.years,
        customers.lifetime_value_to_date as lifetime_value_to_date_amount,
        customers.lifetime_value_expected as lifetime_value_expected_amount,
        case when customers.revenue is not null then coalesce(revenue.revenue_last_year, 0) end as annual_spend_amount,
        case when revenue.bought_year_before then case when revenue.bought_last_year then 1 else 0 end end as retention_amount,
        case when available.has_complaints then coalesce(complaints.complaints_last_year, 0) end as complaints_per_customer_year_amount,
        case when available.has_calls then coalesce(calls.calls_last_year, 0) end as service_calls_per_customer_year_amount,
        customers.cost_to_serve as cost_to_serve_amount,
        customers.acquisition_cost as acquisition_cost_amount,
        customers.share_of_wallet as share_of_wallet_amount,
        case when available.has_referrals then coalesce(referrals.referrals_made, 0) end as referrals_made_amount
    from customers
    inner join exposed
        on customers.customer_id = exposed.customer_id
    cross join available
    left join revenue
        on customers.customer_id = revenue.customer_id
    left join complaints
        on customers.customer_id = complaints.customer_id
    left join calls
        on customers.customer_id = calls.customer_id
    left join referrals
        on customers.customer_id = referrals.customer_id
)

select
    customer_id,
    {% for measure in measures_per_customer() -%}
    cast({{ measure }}_amount as numeric(18, 4)) as {{ measure }}_amount,
    case when {{ measure }}_amount is not null then 1 end as {{ measure }}_exposure,
    {% endfor -%}
    {% for measure in measures_per_customer_year() -%}
    case when years is not null then cast({{ measure }}_amount as numeric(18, 4)) end as {{ measure }}_amount,
    case when {{ measure }}_amount is not null then cast(years as numeric(18, 10)) end as {{ measure }}_exposure,
    {% endfor -%}
    cast(retention_amount as numeric(18, 4)) as retention_amount
from amounts
