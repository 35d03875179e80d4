-- one row per programme × weighting wave × variable × category: respondents against those who could have been asked. Variable `all` says
-- how alike the chances of answering are, and early_late how answers after the reminder differ from those before it.
{{ config(indexes=[{'columns': ['representativeness_id'], 'unique': true}]) }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

analysed as (
    {{ analysed_in_build('representativeness') }}
),

weights as (
    select
        members.programme,
        members.weighting_wave,
        coalesce(members.segment, 'unknown') as segment,
        coalesce(members.tenure_band, 'unknown') as tenure_band,
        coalesce(members.value_band, 'unknown') as value_band,
        weights.weight
    from {{ ref('fct_response_weights') }} as weights
    inner join {{ ref('fct_survey_responses') }} as responses
        on weights.response_id = responses.response_id
    inner join {{ ref('_frame_members') }} as members
        on responses.invitation_id = members.invitation_id
    cross join current_build
    where
        {{ add_days('members.asked_on', 'current_build.maturity_days') }} < current_build.as_of_on
        and members.customer_id is not null
),

by_variable as (
    {{ unpivot(
        'weights', ['programme', 'weighting_wave', 'weight'],
        {'segment': 'segment', 'tenure_band': 'tenure_band', 'value_band': 'value_band'}
    ) }}
),

weighted as (
    select
        programme,
        weighting_wave,
        dimension,
        dimension_value,
        sum(weight) as weight
    from by_variable
    group by
        programme,
        weighting_wave,
        dimension,
        dimension_value
),

weighted_shares as (
    select
        programme,
        weighting_wave,
        dimension,
        dimension_value,
        weight / nullif(sum(weight) over (partition by programme, weighting_wave, dimension), 0) as weighted_share
    from weighted
),

waves as (
    select distinct
        programme,
        weighting_wave
    from weighted
)

select
    {{ stable_id(
        'representativeness', ['analysed.programme', 'analysed.weighting_wave', 'analysed.variable', 'analysed.category']
    ) }} as representativeness_id,
    analysed.programme,
    analysed.weighting_wave as wave,
    analysed.variable,
    analysed.category,
    analysed.frame,
    analysed.answered,
    analysed.frame_share,
    analysed.respondent_share,
    -- a category in which nobody has a weight has none of it
    cast(round(case
        when waves.programme is not null and analysed.frame_share is not null then coalesce(weighted_shares.weighted_share, 0)
    end, 6) as numeric(9, 6)) as weighted_share,
    analysed.response_propensity,
    analysed.partial_r,
    analysed.r_indicator,
    analysed.r_low,
    analysed.r_high,
    analysed.r_uncorrected,
    analysed.bias_bound,
    analysed.early_nps,
    analysed.late_nps,
    analysed.gap,
    analysed.z,
    analysed.p
from analysed
left join waves
    on
        analysed.programme = waves.programme
        and analysed.weighting_wave = waves.weighting_wave
left join weighted_shares
    on
        analysed.programme = weighted_shares.programme
        and analysed.weighting_wave = weighted_shares.weighting_wave
        and analysed.variable = weighted_shares.dimension
        and analysed.category = weighted_shares.dimension_value
