-- one row per programme × weighting wave × segment × tenure × spend: how many could have been asked, were asked and answered, of those who
-- have had the days to answer in. Spend is what the customer brought in the year before.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

invitations as (
    select * from {{ ref('fct_survey_invitations') }}
),

frames as (
    select
        frames.programme,
        frames.weighting_wave,
        coalesce(frames.segment, 'unknown') as segment,
        coalesce(frames.tenure_band, 'unknown') as tenure_band,
        coalesce(frames.value_band, 'unknown') as value_band,
        frames.is_invited,
        -- without a chance that anybody knows, everyone asked counts alike
        coalesce(frames.design_weight, 1) as design_weight,
        case when frames.is_invited and coalesce(invitations.is_completed_in_time, false) then 1 else 0 end as is_answered
    from {{ ref('int_weighting__frames') }} as frames
    cross join current_build
    left join invitations
        on frames.invitation_id = invitations.invitation_id
    where
        {{ add_days('frames.asked_on', 'current_build.maturity_days') }} < current_build.as_of_on
        -- of somebody unknown nothing tells whom he or she is like
        and frames.customer_id is not null
)

select
    programme,
    weighting_wave,
    segment,
    tenure_band,
    value_band,
    count(*) as frame,
    sum(case when is_invited then 1 else 0 end) as invited,
    sum(is_answered) as answered,
    sum(case when is_invited then design_weight else 0 end) as weight,
    sum(is_answered * design_weight) as weight_answered,
    sum(case when is_invited then design_weight * design_weight else 0 end) as weight_squared
from frames
group by
    programme,
    weighting_wave,
    segment,
    tenure_band,
    value_band
