-- one row per invitation that was sent before as_of, or was not to be sent: whom, about what, and how it ended.
-- Kept between builds: touched invitations are forgotten and written anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('invitation_id', ref('int_survey_invitations__touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[
            {'columns': ['invitation_id'], 'unique': true},
            {'columns': ['customer_id']},
            {'columns': ['interaction_id']},
            {'columns': ['invited_on', 'programme']},
        ],
    )
}}
-- what is forgotten here is read before: depends_on: {{ ref('int_survey_invitations__before') }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

invitations as (
    select * from {{ ref('int_survey_invitations__resolved') }}
),

dispositions as (
    select * from {{ ref('dispositions') }}
),

dimensions as (
    select * from {{ ref('int_survey_dimensions__as_of') }}
    where subject = 'invitation'
),

-- complete, scored answers are what a response rate counts, whether the score then counts or not
answers as (
    select
        responses.invitation_id,
        min(case when responses.is_complete and responses.score is not null then responses.responded_at end) as completed_at,
        min(responses.responded_at) as first_responded_at
    from {{ ref('fct_survey_responses') }} as responses
    inner join invitations
        on responses.invitation_id = invitations.invitation_id
    group by responses.invitation_id
),

-- an answer tells more than any code
ended as (
    select
        invitations.*,
        answers.completed_at,
        case
            when answers.completed_at is not null then 'completed'
            when answers.first_responded_at is not null then 'partial'
            else invitations.disposition
        end as final_disposition
    from invitations
    left join answers
        on invitations.invitation_id = answers.invitation_id
)

select
    invitations.invitation_id,
    invitations.customer_id,
    dimensions.account_id,
    invitations.interaction_id,
    dimensions.product_id,
    dimensions.org_unit_id,
    dimensions.team_id,
    dimensions.branch_id,
    dimensions.org_region_id,
    dimensions.company_id,
    coalesce(invitations.programme, 'survey') as programme,
    invitations.wave,
    invitations.stratum,
    invitations.survey_method,
    invitations.survey_provider,
    invitations.survey_channel,
    invitations.final_disposition as disposition,
    invitations.disposition_code,
    nullif(dispositions.aapor_class, '') as aapor_class,
    invitations.reason,
    dimensions.segment,
    dimensions.region,
    dimensions.country,
    dimensions.acquisition_channel,
    dimensions.channel,
    dimensions.interaction_type,
    dimensions.outcome,
    dimensions.product_category,
    dimensions.tenure_band,
    dimensions.value_band,
    dimensions.share_of_wallet_band,
    resolution_bands.name as resolution_band,
    invitations.arms,
    cast(invitations.inclusion_probability as numeric(14, 12)) as inclusion_probability,
    cast(invitations.design_weight as numeric(18, 6)) as design_weight,
    coalesce(
        invitations.completed_at < {{ add_days_to_moment('invitations.sent_at', 'current_build.maturity_days') }}, false
    ) as is_completed_in_time,
    invitations.reference_on,
    {{ company_date('invitations.sent_at', 'current_build.company_timezone') }} as invited_on,
    {{ company_date('invitations.cohort_at', 'current_build.company_timezone') }} as cohort_on,
    invitations.sent_at as invited_at,
    invitations.reminded_at,
    invitations.completed_at
from ended as invitations
cross join current_build
inner join dimensions
    on invitations.invitation_id = dimensions.subject_id
left join dispositions
    on invitations.final_disposition = dispositions.code
left join {{ source('ops', 'bands') }} as resolution_bands
    on
        dimensions.resolved_at <= invitations.sent_at
        and {{ is_band_of('resolution_bands', 'resolution', 'dimensions.hours_to_resolution') }}
where
    invitations.sent_at < current_build.as_of
    or invitations.sent_at is null
