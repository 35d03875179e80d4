-- one row per metric, offer type (`all` for any), period and contrast (offer made against none, accepted against declined): the scores
-- of both groups, their raw difference, and the difference adjusted for who is offered. One answer of each customer and period.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

answers as (
    select * from {{ ref('int_offers__answers') }}
),

estimates as (
    {{ analysed_in_build('offer_effects') }}
),

-- an answer takes part in each contrast with the offer made there, and without one in the contrasts of all types
sides as (
    select
        estimates.metric,
        estimates.offer_type,
        estimates.period_grain,
        estimates.period_starts_on,
        estimates.contrast,
        case
            when estimates.contrast = 'made' and answers.is_offered then 1
            when estimates.contrast = 'accepted' and answers.is_accepted then 1
            else 0
        end as is_treated,
        answers.band
    from estimates
    inner join answers
        on
            estimates.metric = answers.metric
            and estimates.period_grain = answers.period_grain
            and estimates.period_starts_on = answers.period_starts_on
    where
        (estimates.contrast = 'made' and not answers.is_offered)
        or (answers.is_offered and (estimates.offer_type = 'all' or estimates.offer_type = answers.offer_type))
),

counted as (
    select
        metric,
        offer_type,
        period_grain,
        period_starts_on,
        contrast,
        sum(is_treated) as answers_with,
        sum(case when is_treated = 1 and band = 'promoter' then 1 else 0 end) as promoters_with,
        sum(case when is_treated = 1 and band = 'passive' then 1 else 0 end) as passives_with,
        sum(case when is_treated = 1 and band = 'detractor' then 1 else 0 end) as detractors_with,
        sum(1 - is_treated) as answers_without,
        sum(case when is_treated = 0 and band = 'promoter' then 1 else 0 end) as promoters_without,
        sum(case when is_treated = 0 and band = 'passive' then 1 else 0 end) as passives_without,
        sum(case when is_treated = 0 and band = 'detractor' then 1 else 0 end) as detractors_without
    from sides
    group by
        metric,
        offer_type,
        period_grain,
        period_starts_on,
        contrast
),

scored as (
    select
        counted.*,
        {% for side in ['with', 'without'] -%}
        {{ nps('detractors_' ~ side, 'passives_' ~ side, 'promoters_' ~ side) }} as nps_{{ side }},
        {{ adjusted_wald_low('detractors_' ~ side, 'passives_' ~ side, 'promoters_' ~ side) }} as nps_{{ side }}_low,
        {{ adjusted_wald_high('detractors_' ~ side, 'passives_' ~ side, 'promoters_' ~ side) }} as nps_{{ side }}_high,
        {{ adjusted_wald_centre('detractors_' ~ side, 'passives_' ~ side, 'promoters_' ~ side) }} as centre_{{ side }},
        {{ adjusted_wald_variance('detractors_' ~ side, 'passives_' ~ side, 'promoters_' ~ side) }} as variance_{{ side }},
        {% endfor -%}
        counted.answers_with >= current_build.hidden_below as is_shown_with,
        counted.answers_without >= current_build.hidden_below as is_shown_without
    from counted
    cross join current_build
)

select
    {{ stable_id('offer_effects', [
        'scored.metric', 'scored.offer_type', 'scored.period_grain', 'cast(scored.period_starts_on as text)', 'scored.contrast'
    ]) }} as offer_effect_id,
    scored.metric,
    scored.offer_type,
    scored.period_grain,
    scored.contrast,
    estimates.verdict,
    scored.answers_with,
    scored.answers_without,
    case when scored.is_shown_with then scored.nps_with end as nps_with,
    case when scored.is_shown_with then scored.nps_with_low end as nps_with_low,
    case when scored.is_shown_with then scored.nps_with_high end as nps_with_high,
    case when scored.is_shown_without then scored.nps_without end as nps_without,
    case when scored.is_shown_without then scored.nps_without_low end as nps_without_low,
    case when scored.is_shown_without then scored.nps_without_high end as nps_without_high,
    case
        when scored.is_shown_with and scored.is_shown_without then cast(scored.nps_with - scored.nps_without as numeric(9, 4))
    end as difference,
    {% for end, sign in [('low', '-'), ('high', '+')] -%}
    case
        when scored.is_shown_with and scored.is_shown_without
            then {{ nps_difference_end(
                'scored.centre_with', 'scored.variance_with', 'scored.centre_without', 'scored.variance_without', sign
            ) }}
    end as difference_{{ end }},
    {% endfor -%}
    estimates.effect,
    estimates.effect_low,
    estimates.effect_high,
    estimates.customers_kept,
    estimates.dropped_share,
    estimates.smallest_effective_n,
    estimates.largest_imbalance,
    estimates.negative_control_p,
    estimates.verdict = 'usable' as is_usable,
    scored.period_starts_on
from scored
inner join estimates
    on
        scored.metric = estimates.metric
        and scored.offer_type = estimates.offer_type
        and scored.period_grain = estimates.period_grain
        and scored.period_starts_on = estimates.period_starts_on
        and scored.contrast = estimates.contrast
