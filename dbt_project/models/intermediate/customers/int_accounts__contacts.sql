-- one row per customer who belongs to an account: whether anybody ever asked, how often the customer answered, and what was said last
{{ config(post_hook="{{ analyze() }}") }}

with

customers as (
    select * from {{ ref('dim_customers') }}
    where account_id is not null
),

answers as (
    select
        responses.customer_id,
        count(*) as answers
    from {{ ref('fct_survey_responses') }} as responses
    inner join customers
        on responses.customer_id = customers.customer_id
    where
        responses.excluded_reason is null
        and responses.metric = 'nps'
    group by responses.customer_id
),

invitations as (
    select distinct invitations.customer_id
    from {{ ref('fct_survey_invitations') }} as invitations
    inner join customers
        on invitations.customer_id = customers.customer_id
    where invitations.invited_at is not null
)

select
    customers.customer_id,
    customers.account_id,
    customers.contact_role,
    customers.latest_band,
    coalesce(answers.answers, 0) as answers,
    invitations.customer_id is not null as is_asked,
    customers.latest_responded_on
from customers
left join answers
    on customers.customer_id = answers.customer_id
left join invitations
    on customers.customer_id = invitations.customer_id
