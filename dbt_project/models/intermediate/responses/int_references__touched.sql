-- one row per thing that answers and invitations refer to and that this build knows differently from the last one:
-- kind, id, and for what only counts on some days the days after which and until which it does. Empty when all is made anew.
{{ config(post_hook="{{ analyze() }}") }}

with recursive

{% if adds_to_kept_marts() -%}
new_batches as (
    select * from {{ ref('int_batches__new') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

interactions as (
    select * from {{ ref('stg_interactions') }}
),

service_costs as (
    select * from {{ ref('stg_service_costs') }}
),

org_units as (
    select * from {{ ref('stg_org_units') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

-- who was ever said to be the same person as whom, read in both directions: what one record becomes changes what the others are
merged_records as (
    select
        customer_id,
        merged_into as other_customer_id
    from {{ ref('stg_customers') }}
    where merged_into is not null
    union
    select
        merged_into,
        customer_id
    from {{ ref('stg_customers') }}
    where merged_into is not null
),

-- a customer is known differently when a version came, or when a merge (or its end) lies between the last as_of and this one;
-- `union` ends where records are merged in a ring
new_customers as (
    select versions.customer_id
    from {{ ref('stg_customers') }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
    union
    select merged_records.customer_id
    from merged_records
    inner join {{ ref('int_customers__spans') }} as spans
        on merged_records.customer_id = spans.customer_id
    cross join current_build
    cross join last_build
    where
        spans.valid_from >= last_build.as_of
        and spans.valid_from < current_build.as_of
    union
    select merged_records.other_customer_id
    from new_customers
    inner join merged_records
        on new_customers.customer_id = merged_records.customer_id
),

new_in_ledger as (
    select cast(invitation_id as text) as invitation_id
    from {{ ref('int_ledger__changed') }}
),

new_products as (
    select distinct versions.product_id
    from {{ ref('stg_products') }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
),

new_employees as (
    select distinct versions.employee_id
    from {{ ref('stg_employees') }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
),

-- an interaction is known differently when it came or changed, or when the employee did whose unit it counts for
new_interactions as (
    select interactions.interaction_id
    from interactions
    inner join new_batches
        on interactions._batch_id = new_batches.batch_id
    union
    select interactions.interaction_id
    from interactions
    inner join new_employees
        on interactions.employee_id = new_employees.employee_id
),

-- an invitation that does not say whom it went to takes the customer of its interaction
new_invitations as (
    select versions.invitation_id
    from {{ ref('stg_survey_invitations') }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
    union
    select versions.invitation_id
    from {{ ref('stg_survey_invitations') }} as versions
    inner join new_interactions
        on versions.interaction_id = new_interactions.interaction_id
    where versions.customer_id is null
),

-- a unit moves with whatever is, or once was, above it; `union` ends where units are above each other in a circle
new_org_units as (
    select org_units.org_unit_id
    from org_units
    inner join new_batches
        on org_units._batch_id = new_batches.batch_id
    union
    select org_units.org_unit_id
    from org_units
    inner join new_org_units
        on org_units.parent_id = new_org_units.org_unit_id
),

-- all versions of a posting of which a version is new: it may have left one customer and day for another
new_revenue as (
    select
        versions.customer_id,
        versions.booked_on
    from {{ ref('stg_revenue') }} as versions
    inner join (
        select distinct postings._key
        from {{ ref('stg_revenue') }} as postings
        inner join new_batches
            on postings._batch_id = new_batches.batch_id
    ) as touched
        on versions._key = touched._key
),

-- a cost without a customer or a day takes them from its interaction, once that lies before as_of
interactions_of_costs as (
    select interaction_id from new_interactions
    union
    select interactions.interaction_id
    from interactions
    cross join current_build
    cross join last_build
    where
        interactions.occurred_at >= last_build.as_of
        and interactions.occurred_at < current_build.as_of
),

touched_costs as (
    select service_costs._key
    from service_costs
    inner join new_batches
        on service_costs._batch_id = new_batches.batch_id
    union
    select service_costs._key
    from service_costs
    inner join interactions_of_costs
        on service_costs.interaction_id = interactions_of_costs.interaction_id
),

new_service_costs as (
    select
        coalesce(service_costs.customer_id, interactions.customer_id) as customer_id,
        coalesce(
            service_costs.booked_on,
            {{ company_date('interactions.occurred_at', 'current_build.company_timezone') }}
        ) as booked_on
    from service_costs
    inner join touched_costs
        on service_costs._key = touched_costs._key
    cross join current_build
    left join interactions
        on service_costs.interaction_id = interactions.interaction_id
),

new_postings as (
    select * from new_revenue
    union
    select * from new_service_costs
),

new_values as (
    select
        {{ survivor_of('new_postings.customer_id') }} as customer_id,
        new_postings.booked_on
    from new_postings
    left join survivors
        on new_postings.customer_id = survivors.customer_id
),

-- spend and revenue of a period count from its end on; a period starts before it ends
new_wallets as (
    select
        {{ survivor_of('versions.customer_id') }} as customer_id,
        versions.period_from as after_on
    from {{ ref('stg_category_spend') }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
    left join survivors
        on versions.customer_id = survivors.customer_id
    union
    select
        new_values.customer_id,
        new_values.booked_on as after_on
    from new_values
    inner join (
        select distinct {{ survivor_of('versions.customer_id') }} as customer_id
        from {{ ref('stg_category_spend') }} as versions
        left join survivors
            on versions.customer_id = survivors.customer_id
    ) as spenders
        on new_values.customer_id = spenders.customer_id
),
{%- endif %}

touched as (
    {% if adds_to_kept_marts() -%}
    select 'customer' as kind, customer_id as id, {{ beginning_of_time() }} as after_on, {{ end_of_time() }} as until_on
    from new_customers
    union all
    select 'invitation', invitation_id, {{ beginning_of_time() }}, {{ end_of_time() }}
    from new_invitations
    union all
    select 'invitation', invitation_id, {{ beginning_of_time() }}, {{ end_of_time() }}
    from new_in_ledger
    union all
    select 'interaction', interaction_id, {{ beginning_of_time() }}, {{ end_of_time() }}
    from new_interactions
    union all
    select 'product', product_id, {{ beginning_of_time() }}, {{ end_of_time() }}
    from new_products
    union all
    select 'org_unit', org_unit_id, {{ beginning_of_time() }}, {{ end_of_time() }}
    from new_org_units
    union all
    -- postings of a day count for the 365 days that follow it
    select 'value', customer_id, booked_on, {{ add_days('booked_on', 365) }}
    from new_values
    where
        customer_id is not null
        and booked_on is not null
    union all
    select 'value', customer_id, after_on, {{ end_of_time() }}
    from new_wallets
    where
        customer_id is not null
        and after_on is not null
    {%- else -%}
    select
        cast(null as text) as kind,
        cast(null as text) as id,
        cast(null as date) as after_on,
        cast(null as date) as until_on
    where false
    {%- endif %}
)

select * from touched
