-- one row per customer and span of time in which nothing about the customer changed: [valid_from, valid_to).
-- A record that was merged into another is no customer of its own. Whoever has several records joined when the first of them did.
with

spans as (
    select * from {{ ref('int_customers__spans') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

first_joined as (
    select
        survivor_customer_id as customer_id,
        min(joined_on) as joined_on
    from survivors
    group by survivor_customer_id
)

select
    spans.customer_id,
    spans.account_id,
    spans.contact_role,
    spans.segment,
    spans.region,
    spans.country,
    spans.acquisition_channel,
    spans.heard_from,
    spans.status,
    spans.do_not_contact,
    spans.locale,
    spans.timezone,
    spans.has_email,
    spans.opted_out,
    spans.is_staff,
    spans.is_deleted,
    least(spans.joined_on, coalesce(first_joined.joined_on, spans.joined_on)) as joined_on,
    spans.valid_from,
    spans.valid_to
from spans
left join survivors
    on spans.customer_id = survivors.customer_id
left join first_joined
    on spans.customer_id = first_joined.customer_id
where {{ survivor_of('spans.customer_id') }} = spans.customer_id
