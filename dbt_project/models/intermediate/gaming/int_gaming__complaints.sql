-- one row per complaint that was opened before as_of: whose, and when. A complaint without a customer of its own is that of its
-- interaction's customer.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_complaints') }}
),

latest as (
    {{ latest_version('versions') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
)

select
    latest.complaint_id,
    coalesce({{ survivor_of('latest.customer_id') }}, interactions.customer_id) as customer_id,
    {{ company_date('latest.opened_at', 'current_build.company_timezone') }} as opened_on
from latest
cross join current_build
left join interactions
    on latest.interaction_id = interactions.interaction_id
left join survivors
    on latest.customer_id = survivors.customer_id
where latest.opened_at < current_build.as_of
