-- one row per touched answer: banded once, here and nowhere else, with what speaks against counting it.
-- What depends on the customer's other answers (a duplicate, the score before) is added in fct_survey_responses.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

scales as (
    select * from {{ source('ops', 'scales') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

responses as (
    select * from {{ ref('int_survey_responses__resolved') }}
),

dimensions as (
    select * from {{ ref('int_survey_dimensions__as_of') }}
    where subject = 'response'
),

-- a case that was settled after the answer had not been settled for the customer who answered
placed as (
    select
        responses.*,
        dimensions.account_id,
        dimensions.product_id,
        dimensions.org_unit_id,
        dimensions.team_id,
        dimensions.branch_id,
        dimensions.org_region_id,
        dimensions.company_id,
        dimensions.segment,
        dimensions.region,
        dimensions.country,
        dimensions.acquisition_channel,
        dimensions.channel,
        dimensions.interaction_type,
        dimensions.interaction_subtype,
        dimensions.outcome,
        dimensions.product_category,
        dimensions.attributes,
        dimensions.tenure_band,
        dimensions.value_band,
        dimensions.share_of_wallet_band,
        case when dimensions.resolved_at <= responses.answered_at then dimensions.hours_to_resolution end as hours_to_resolution,
        dimensions.is_known_customer,
        dimensions.is_staff,
        coalesce(dimensions.occurred_at > responses.responded_at, false) as is_before_interaction,
        coalesce(dimensions.resolved_at > responses.responded_at, false) as is_before_resolution,
        coalesce(responses.invited_at > responses.responded_at, false) as is_before_invitation,
        -- by day, because many senders note only the day of a send
        coalesce(
            responses.invited_on < {{ company_date('dimensions.occurred_at', 'responses.company_timezone') }}, false
        ) as is_invited_before_interaction,
        coalesce(
            responses.responded_at >= {{ add_days_to_moment('responses.invited_at', 'current_build.maturity_days') }}, false
        ) as is_late
    from responses
    cross join current_build
    inner join dimensions
        on cast(responses.response_id as text) = dimensions.subject_id
)

select
    placed.response_id,
    placed.invitation_id,
    placed.customer_id,
    placed.account_id,
    placed.interaction_id,
    placed.product_id,
    placed.org_unit_id,
    placed.team_id,
    placed.branch_id,
    placed.org_region_id,
    placed.company_id,
    placed.provider,
    placed.programme,
    -- an answer about an interaction counts by itself; one about the relationship is the customer's latest of the period
    case when placed.interaction_id is null then 'relationship' else 'transactional' end as population,
    placed.scale,
    scales.metric,
    case when placed.score between scales.score_from and scales.score_to then {{ nps_band('placed.score') }} end as band,
    placed.segment,
    placed.region,
    placed.country,
    placed.acquisition_channel,
    placed.channel,
    placed.interaction_type,
    placed.interaction_subtype,
    placed.outcome,
    placed.product_category,
    placed.attributes,
    placed.tenure_band,
    placed.value_band,
    placed.share_of_wallet_band,
    resolution_bands.name as resolution_band,
    placed.survey_method,
    placed.locale,
    case
        when placed.answered_at is null then 'no_date'
        when not placed.is_complete then 'partial'
        when placed.score is null then 'no_score'
        when scales.scale is null then 'unknown_scale'
        when placed.score not between scales.score_from and scales.score_to then 'score_outside_scale'
        when placed.customer_id is not null and not placed.is_known_customer then 'unknown_customer'
        when placed.is_staff or placed.is_own_staff then 'staff'
    end as excluded_reason,
    nullif(
        concat_ws(
            ',',
            placed.loader_flags,
            placed.answer_flags,
            case when placed.is_invited_before_interaction then 'invited_before_interaction' end,
            case when placed.is_before_invitation then 'answered_before_invitation' end,
            case when placed.is_before_interaction then 'answered_before_interaction' end,
            case when placed.is_before_resolution then 'answered_before_resolution' end,
            case when placed.is_late then 'late' end
        ),
        ''
    ) as quality_flags,
    placed.verbatim,
    placed.score,
    placed.hours_to_resolution,
    placed.is_complete,
    placed.may_call_back,
    placed.reference_on,
    placed.invited_on,
    placed.responded_on,
    placed.period_starts_on,
    placed.period_ends_on,
    placed.invited_at,
    placed.started_at,
    placed.responded_at
from placed
left join scales
    on placed.scale = scales.scale
left join bands as resolution_bands
    on {{ is_band_of('resolution_bands', 'resolution', 'placed.hours_to_resolution') }}
