-- one row per programme × metric × dimension (all, segment, interaction_type) × value × driver × level: what the level goes with, all other
-- drivers as they are, in the 365 days before the as-of day. Estimated in Python between the two halves of a build.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['driver_effect_id'], 'unique': true}]) }}

with

estimates as (
    {{ analysed_in_build('driver_effects') }}
)

select
    {{ stable_id('driver_effects', [
        'programme', 'metric', 'dimension', 'dimension_value', 'cast(period_starts_on as text)', 'driver', 'level'
    ]) }} as driver_effect_id,
    programme,
    metric,
    dimension,
    dimension_value,
    'rolling_365_days' as period_grain,
    kind,
    driver,
    level,
    reference_level,
    verdict,
    level_place,
    answers as responses,
    level_answers as responses_at_level,
    {% for figure in ['promoter_effect', 'detractor_effect', 'nps_effect', 'promoters_if_all', 'detractors_if_all', 'importance'] -%}
    {{ figure }},
    {{ figure }}_low,
    {{ figure }}_high,
    {% endfor -%}
    explained as explained_share,
    p,
    q,
    level = reference_level as is_reference,
    verdict = 'usable' as is_usable,
    period_starts_on,
    period_ends_on
from estimates
