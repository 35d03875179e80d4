-- one row per programme × metric × dimension (all, segment, region, tenure_band, value_band) × value: what the silent in it would probably
-- have said together. Modelled; the measured score of those who answered is in nps_by_segment and is never added to it.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['predicted_score_id'], 'unique': true}]) }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

estimates as (
    {{ analysed_in_build('predicted_scores') }}
),

judged as (
    select
        estimates.*,
        estimates.silent >= current_build.hidden_below and estimates.score is not null as is_shown
    from estimates
    cross join current_build
)

select
    {{ stable_id('predicted_scores', ['programme', 'metric', 'dimension', 'dimension_value']) }} as predicted_score_id,
    programme,
    metric,
    dimension,
    dimension_value,
    model, -- noqa: RF04
    case when is_shown then 'modelled' else 'hidden' end as reporting,
    silent as silent_customers,
    held_out_answers as held_out_responses,
    case when is_shown then detractors end as predicted_detractor_share,
    case when is_shown then promoters end as predicted_promoter_share,
    case when is_shown then score end as predicted_nps,
    case when is_shown then score_low end as predicted_nps_low,
    case when is_shown then score_high end as predicted_nps_high
from judged
