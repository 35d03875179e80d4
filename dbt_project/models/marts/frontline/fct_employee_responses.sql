-- one row per answer and employee whom it is about: who served the customer, or, after a dispute was upheld, whose customer it was.
-- Kept between builds: touched answers are forgotten and written anew. Read under row-level security.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('response_id', ref('int_employee_responses__touched')) }}",
        post_hook=["{{ own_rows_and_led_units() }}", "{{ analyze() }}"],
        indexes=[
            {'columns': ['response_id', 'employee_id'], 'unique': true},
            {'columns': ['employee_id', 'responded_on']},
            {'columns': ['responded_on']},
        ],
    )
}}

with

touched as (
    select * from {{ ref('int_employee_responses__touched') }}
),

responses as (
    select responses.*
    from {{ ref('fct_survey_responses') }} as responses
    inner join touched
        on responses.response_id = touched.response_id
),

answered as (
    select distinct interaction_id
    from responses
    where interaction_id is not null
),

interaction_versions as (
    select interactions.*
    from {{ ref('stg_interactions') }} as interactions
    inner join answered
        on interactions.interaction_id = answered.interaction_id
),

-- whatever its date, because an answer to it proves that it was there
interactions as (
    {{ latest_version('interaction_versions', ['interaction_id']) }}
),

disputes as (
    select * from {{ ref('int_disputes__settled') }}
    where is_upheld
),

employees as (
    select * from {{ ref('int_employees__history') }}
),

units as (
    select * from {{ ref('int_org_units__today') }}
),

whose as (
    select
        responses.*,
        case when disputes.is_upheld then disputes.to_employee_id else interactions.employee_id end as employee_id,
        coalesce(disputes.is_upheld, false) as is_reattributed
    from responses
    left join interactions
        on responses.interaction_id = interactions.interaction_id
    left join disputes
        on responses.response_id = disputes.response_id
),

placed as (
    select
        whose.*,
        case when whose.is_reattributed then employees.org_unit_id else whose.org_unit_id end as employee_org_unit_id
    from whose
    left join employees
        on
            whose.employee_id = employees.employee_id
            and whose.reference_on >= employees.valid_from
            and whose.reference_on < employees.valid_to
    where whose.employee_id is not null
)

select
    placed.response_id,
    placed.employee_id,
    placed.customer_id,
    placed.interaction_id,
    placed.product_id,
    placed.employee_org_unit_id as org_unit_id,
    coalesce(units.unit_path, '/' || placed.employee_org_unit_id || '/') as unit_path,
    placed.programme,
    placed.population,
    placed.scale,
    placed.metric,
    placed.band,
    placed.segment,
    placed.region,
    placed.country,
    placed.channel,
    placed.interaction_type,
    placed.interaction_subtype,
    placed.outcome,
    placed.product_category,
    placed.tenure_band,
    placed.share_of_wallet_band,
    placed.resolution_band,
    placed.locale,
    placed.excluded_reason,
    placed.quality_flags,
    placed.verbatim,
    placed.score,
    placed.previous_score,
    placed.score_change,
    placed.hours_to_resolution,
    placed.is_complete,
    placed.may_call_back,
    placed.is_reattributed,
    placed.reference_on,
    placed.responded_on,
    placed.responded_at
from placed
left join units
    on placed.employee_org_unit_id = units.org_unit_id
