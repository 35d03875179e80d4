-- one row per interaction that began before as_of: its latest version
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_interactions') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

latest as (
    {{ latest_version('versions', ['interaction_id']) }}
)

select
    latest.interaction_id,
    {{ survivor_of('latest.customer_id') }} as customer_id,
    latest.product_id,
    latest.employee_id,
    latest.org_unit_id,
    latest.channel,
    latest.interaction_type,
    latest.interaction_subtype,
    latest.outcome,
    latest.attributes,
    {{ company_date('latest.occurred_at', 'current_build.company_timezone') }} as occurred_on,
    latest.occurred_at,
    latest.resolved_at
from latest
cross join current_build
left join survivors
    on latest.customer_id = survivors.customer_id
where latest.occurred_at < current_build.as_of
