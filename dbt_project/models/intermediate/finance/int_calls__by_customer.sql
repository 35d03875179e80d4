-- one row per customer who called in the 365 days before the as-of day; a call is its interaction's customer's
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_calls') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

latest as (
    {{ latest_version('versions') }}
),

dated as (
    select
        interactions.customer_id,
        {{ days_between('interactions.occurred_on', 'current_build.as_of_on') }} as days_ago
    from latest
    inner join interactions
        on latest.interaction_id = interactions.interaction_id
    cross join current_build
)

select
    customer_id,
    count(*) as calls_last_year
from dated
where days_ago between 1 and 365
group by customer_id
