-- one row per programme × metric × dimension (all, segment, interaction_type) × value × bucket of days to resolution: what so much waiting
-- goes with against the fastest bucket, all other drivers as they are, and where it starts to hurt. In the 365 days before the as-of day.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['driver_curve_id'], 'unique': true}]) }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

estimates as (
    {{ analysed_in_build('driver_curves') }}
),

shown as (
    select
        estimates.*,
        estimates.detractors + estimates.passives + estimates.promoters as bucket_answers,
        estimates.detractors + estimates.passives + estimates.promoters >= current_build.hidden_below as is_shown
    from estimates
    cross join current_build
)

select
    {{ stable_id('driver_curves', [
        'programme', 'metric', 'dimension', 'dimension_value', 'cast(period_starts_on as text)', 'bucket'
    ]) }} as driver_curve_id,
    programme,
    metric,
    dimension,
    dimension_value,
    'rolling_365_days' as period_grain,
    bucket,
    verdict,
    bucket_place,
    from_days,
    to_days,
    answers as responses,
    bucket_answers as responses_in_bucket,
    case when is_shown then {{ nps('detractors', 'passives', 'promoters') }} end as nps,
    case when is_shown then {{ adjusted_wald_low('detractors', 'passives', 'promoters') }} end as nps_low,
    case when is_shown then {{ adjusted_wald_high('detractors', 'passives', 'promoters') }} end as nps_high,
    promoter_effect,
    promoter_effect_low,
    promoter_effect_high,
    detractor_effect,
    detractor_effect_low,
    detractor_effect_high,
    p,
    is_threshold,
    verdict = 'usable' as is_usable,
    period_starts_on,
    period_ends_on
from shown
