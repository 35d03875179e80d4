-- one row per touched answer and per touched invitation: what its customer, unit and product were when it was about them.
-- Where a past report is made again in the hierarchy of another day, units stand where they stood on that day.
-- Value is revenue less direct and service cost of the 365 days before; postings that no exchange rate converts are left out.
-- Share of wallet is over the periods of category spend that ended before.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

customers as (
    select * from {{ ref('int_customers__history') }}
),

interactions as (
    select * from {{ ref('int_interactions__referenced') }}
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

available as (
    select
        max(case when entity = 'customers' then 1 else 0 end) = 1 as has_customers,
        max(case when entity = 'revenue' then 1 else 0 end) = 1 as has_revenue
    from {{ ref('int_entities__available') }}
),

subjects as (
    select
        'response' as subject,
        cast(response_id as text) as subject_id,
        customer_id,
        interaction_id,
        reference_at,
        reference_on
    from {{ ref('int_survey_responses__resolved') }}
    union all
    select
        'invitation' as subject,
        invitation_id as subject_id,
        customer_id,
        interaction_id,
        reference_at,
        reference_on
    from {{ ref('int_survey_invitations__resolved') }}
),

moments as (
    select distinct
        customer_id,
        reference_on
    from subjects
    where
        customer_id is not null
        and reference_on is not null
),

customers_asked as (
    select distinct customer_id from moments
),

postings as (
    select postings.*
    from {{ ref('int_customers__postings') }} as postings
    inner join customers_asked
        on postings.customer_id = customers_asked.customer_id
),

category_spend as (
    select category_spend.*
    from {{ ref('int_category_spend__revenue') }} as category_spend
    inner join customers_asked
        on category_spend.customer_id = customers_asked.customer_id
),

{{ ctes_from_moments_to_customer_values('moments', 'postings', 'reference_on') }},

-- a period that ends on a day comes after the moments of that day
wallet_events as (
    select
        customer_id,
        period_to as happened_on,
        1 as place,
        revenue,
        category_spend
    from category_spend
    union all
    select
        customer_id,
        reference_on as happened_on,
        0 as place,
        0 as revenue,
        0 as category_spend
    from moments
),

running_wallets as (
    select
        customer_id,
        happened_on as reference_on,
        place,
        sum(revenue) over (
            partition by customer_id
            order by happened_on, place
        ) as revenue,
        sum(category_spend) over (
            partition by customer_id
            order by happened_on, place
        ) as category_spend
    from wallet_events
),

wallets as (
    select
        customer_id,
        reference_on,
        cast(revenue / category_spend as numeric(18, 4)) as share_of_wallet
    from running_wallets
    where
        place = 0
        and category_spend > 0
),

measured as (
    select
        subjects.subject,
        subjects.subject_id,
        customers.account_id,
        interactions.product_id,
        coalesce(interactions.org_unit_id, employees.org_unit_id) as org_unit_id,
        customers.segment,
        customers.region,
        customers.country,
        customers.acquisition_channel,
        interactions.channel,
        interactions.interaction_type,
        interactions.interaction_subtype,
        interactions.outcome,
        products.category as product_category,
        interactions.attributes,
        case when available.has_revenue then customer_values.customer_value end as customer_value,
        case when available.has_revenue then wallets.share_of_wallet end as share_of_wallet,
        {{ days_between('customers.joined_on', 'subjects.reference_on') }} as tenure_days,
        {{ hours_between('interactions.occurred_at', 'interactions.resolved_at') }} as hours_to_resolution,
        not available.has_customers or customers.customer_id is not null as is_known_customer,
        coalesce(customers.is_staff, false) as is_staff,
        subjects.reference_on,
        interactions.occurred_at,
        interactions.resolved_at
    from subjects
    cross join available
    left join customers
        on
            subjects.customer_id = customers.customer_id
            and subjects.reference_at >= customers.valid_from
            and subjects.reference_at < customers.valid_to
    left join interactions
        on subjects.interaction_id = interactions.interaction_id
    left join employees
        on
            interactions.employee_id = employees.employee_id
            and subjects.reference_on >= employees.valid_from
            and subjects.reference_on < employees.valid_to
    left join products
        on interactions.product_id = products.product_id
    left join customer_values
        on
            subjects.customer_id = customer_values.customer_id
            and subjects.reference_on = customer_values.reference_on
    left join wallets
        on
            subjects.customer_id = wallets.customer_id
            and subjects.reference_on = wallets.reference_on
)

select
    measured.subject,
    measured.subject_id,
    measured.account_id,
    measured.product_id,
    measured.org_unit_id,
    org_units.team_id,
    org_units.branch_id,
    org_units.org_region_id,
    org_units.company_id,
    measured.segment,
    measured.region,
    measured.country,
    measured.acquisition_channel,
    measured.channel,
    measured.interaction_type,
    measured.interaction_subtype,
    measured.outcome,
    measured.product_category,
    measured.attributes,
    tenure_bands.name as tenure_band,
    value_bands.name as value_band,
    wallet_bands.name as share_of_wallet_band,
    measured.hours_to_resolution,
    measured.is_known_customer,
    measured.is_staff,
    measured.occurred_at,
    measured.resolved_at
from measured
cross join current_build
left join org_units
    on
        measured.org_unit_id = org_units.org_unit_id
        and coalesce(current_build.hierarchy_on, measured.reference_on) >= org_units.valid_from
        and coalesce(current_build.hierarchy_on, measured.reference_on) < org_units.valid_to
left join bands as tenure_bands
    on {{ is_band_of('tenure_bands', 'tenure', 'measured.tenure_days') }}
left join bands as value_bands
    on {{ is_band_of('value_bands', 'value', 'measured.customer_value') }}
left join bands as wallet_bands
    on {{ is_band_of('wallet_bands', 'share_of_wallet', 'measured.share_of_wallet') }}
