-- one row per candidate of a touched wave who belongs to the population: whether the wave could have asked him or her, and what was
-- known of customer and interaction when the frame was frozen
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

employees as (
    select * from {{ ref('int_employees__history') }}
),

org_units as (
    select * from {{ ref('int_org_units__paths') }}
),

product_versions as (
    select * from {{ ref('stg_products') }}
),

products as (
    {{ latest_version('product_versions', ['product_id']) }}
),

waves as (
    select
        waves.wave_id,
        waves.programme,
        waves.wave,
        waves.as_of,
        waves.drawn_at,
        {{ company_date('waves.as_of', 'current_build.company_timezone') }} as framed_on
    from {{ ref('stg_ledger_waves') }} as waves
    inner join {{ ref('int_frames__touched') }} as touched
        on waves.wave_id = touched.wave_id
    cross join current_build
),

population as (
    select
        waves.*,
        frames.customer_id,
        frames.interaction_id,
        frames.outcome <> 'turned_away'
        or frames.reason in ({{ lost_a_draw() }}) as is_covered
    from {{ ref('stg_ledger_frames') }} as frames
    inner join waves
        on frames.wave_id = waves.wave_id
    where
        frames.reason is null
        or frames.reason not in ({{ not_of_the_population() }})
),

asked_customers as (
    select distinct
        wave_id,
        customer_id,
        drawn_at
    from population
),

customer_versions as (
    select
        asked.wave_id,
        versions.*
    from asked_customers as asked
    inner join {{ ref('stg_customers') }} as versions
        on
            asked.customer_id = versions.customer_id
            and asked.drawn_at >= versions._loaded_at
),

customers as (
    {{ latest_version('customer_versions', ['wave_id', 'customer_id']) }}
),

asked_interactions as (
    select distinct
        wave_id,
        interaction_id,
        drawn_at
    from population
    where interaction_id is not null
),

interaction_versions as (
    select
        asked.wave_id,
        versions.*
    from asked_interactions as asked
    inner join {{ ref('stg_interactions') }} as versions
        on
            asked.interaction_id = versions.interaction_id
            and asked.drawn_at >= versions._loaded_at
),

interactions as (
    {{ latest_version('interaction_versions', ['wave_id', 'interaction_id']) }}
),

described as (
    select
        population.wave_id,
        population.programme,
        population.wave,
        population.framed_on,
        population.as_of,
        population.is_covered,
        customers.segment,
        customers.region,
        customers.country,
        interactions.product_id,
        products.category as product_category,
        interactions.channel,
        interactions.interaction_type,
        interactions.outcome,
        coalesce(interactions.org_unit_id, employees.org_unit_id) as org_unit_id,
        {{ days_between('customers.joined_on', 'population.framed_on') }} as tenure_days,
        interactions.resolved_at,
        {{ hours_between('interactions.occurred_at', 'interactions.resolved_at') }} as hours_to_resolution,
        {{ company_date('coalesce(interactions.occurred_at, population.as_of)', 'current_build.company_timezone') }} as reference_on
    from population
    cross join current_build
    left join customers
        on
            population.wave_id = customers.wave_id
            and population.customer_id = customers.customer_id
    left join interactions
        on
            population.wave_id = interactions.wave_id
            and population.interaction_id = interactions.interaction_id
    left join employees
        on
            interactions.employee_id = employees.employee_id
            and {{ company_date('interactions.occurred_at', 'current_build.company_timezone') }} >= employees.valid_from
            and {{ company_date('interactions.occurred_at', 'current_build.company_timezone') }} < employees.valid_to
    left join products
        on interactions.product_id = products.product_id
)

select
    described.wave_id,
    described.programme,
    described.wave,
    described.framed_on,
    described.is_covered,
    described.segment,
    described.region,
    described.country,
    described.product_id,
    described.product_category,
    described.channel,
    described.interaction_type,
    described.outcome,
    org_units.team_id,
    org_units.branch_id,
    org_units.org_region_id,
    org_units.company_id,
    tenure_bands.name as tenure_band,
    resolution_bands.name as resolution_band
from described
cross join current_build
left join org_units
    on
        described.org_unit_id = org_units.org_unit_id
        and coalesce(current_build.hierarchy_on, described.reference_on) >= org_units.valid_from
        and coalesce(current_build.hierarchy_on, described.reference_on) < org_units.valid_to
left join bands as tenure_bands
    on {{ is_band_of('tenure_bands', 'tenure', 'described.tenure_days') }}
left join bands as resolution_bands
    on
        described.resolved_at <= described.as_of
        and {{ is_band_of('resolution_bands', 'resolution', 'described.hours_to_resolution') }}
