-- one row per customer: what the customer brought in and cost until the as-of day, and what is expected of the time ahead
with

customers as (
    select * from {{ ref('int_customers__values') }}
),

lifetime_values as (
    {{ analysed_in_build('lifetime_values') }}
),

valued as (
    select
        customers.customer_id,
        -- a keyword in some dialects, and the field's own word
        coalesce(lifetime_values.model, 'to date') as model, -- noqa: RF04
        customers.not_fully_known,
        customers.tenure_days,
        customers.revenue_postings,
        customers.revenue_postings_not_converted,
        customers.revenue_postings_without_direct_cost,
        customers.revenue,
        customers.direct_cost,
        customers.margin,
        customers.cost_to_serve,
        customers.acquisition_cost,
        customers.lifetime_value_to_date,
        lifetime_values.expected as lifetime_value_expected,
        lifetime_values.expected_low as lifetime_value_expected_low,
        lifetime_values.expected_high as lifetime_value_expected_high,
        lifetime_values.probability_active,
        customers.share_of_wallet,
        customers.joined_on,
        customers.first_revenue_on,
        customers.last_revenue_on
    from customers
    left join lifetime_values
        on customers.customer_id = lifetime_values.customer_id
)

select * from valued
