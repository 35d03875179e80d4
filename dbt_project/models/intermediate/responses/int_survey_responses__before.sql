-- one row per answer whose place among its customer's answers may change, as the last build left it: the touched answers and all
-- others of their customers, before and after. Empty when all is made anew.
{{ config(post_hook="{{ analyze() }}") }}

{% if adds_to_kept_marts() -%}
with

touched as (
    select * from {{ ref('int_survey_responses__touched') }}
),

latest as (
    select * from {{ ref('int_survey_responses__latest') }}
),

kept as (
    select * from {{ as_left_by_last_build('fct_survey_responses') }}
),

touched_before as (
    select kept.*
    from kept
    inner join touched
        on kept.response_id = touched.response_id
),

customers as (
    select customer_id from touched_before
    where customer_id is not null
    union
    select customer_id from latest
    where customer_id is not null
),

-- without a customer, answers to one invitation are held together by it
invitations as (
    select invitation_id from touched_before
    where customer_id is null and invitation_id is not null
    union
    select invitation_id from latest
    where customer_id is null and invitation_id is not null
),

together as (
    select response_id from touched_before
    union
    select kept.response_id
    from kept
    inner join customers
        on kept.customer_id = customers.customer_id
    union
    select kept.response_id
    from kept
    inner join invitations
        on kept.invitation_id = invitations.invitation_id
    where kept.customer_id is null
)

select kept.*
from kept
inner join together
    on kept.response_id = together.response_id
{%- else -%}
select cast(null as uuid) as response_id
where false
{%- endif %}
