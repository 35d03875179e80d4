-- one row per panel × competitor × month, quarter or year: what a double-blind panel says of each company, ours beside the others where
-- the panel asked about us. Answers to our own surveys are never in it: who is on our list knows who asks.
{{
    config(
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['benchmark_id'], 'unique': true}],
    )
}}
{%- set cell = ['panel', 'competitor', 'is_own', 'period_grain', 'period_starts_on', 'period_ends_on'] %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

answers as (
    select
        panel,
        competitor,
        is_own,
        case band when 'promoter' then 1 when 'detractor' then -1 else 0 end as net,
        weight,
        responded_on as dated_on
    from {{ ref('int_benchmark__answers') }}
),

in_periods as (
    {{ in_calendar_periods('answers', ['panel', 'competitor', 'is_own', 'net', 'weight']) }}
),

placed as (
    select * from in_periods
    where period_grain in ('month', 'quarter', 'year')
),

counts as (
    select
        {{ cell | join(',\n        ') }},
        cast(count(*) as bigint) as responses,
        cast(sum(case when net = 1 then 1 else 0 end) as bigint) as promoters,
        cast(sum(case when net = 0 then 1 else 0 end) as bigint) as passives,
        cast(sum(case when net = -1 then 1 else 0 end) as bigint) as detractors
    from placed
    group by
        {{ cell | join(',\n        ') }}
),

-- nobody knows which answers are one person's, so each stands for itself
sums as (
    select
        {{ cell | join(',\n        ') }},
        count(*) as answers,
        count(*) as respondents,
        sum(weight) as weight,
        sum(case when net = 1 then weight else 0 end) as promoter_weight,
        sum(case when net = -1 then weight else 0 end) as detractor_weight,
        sum(weight * weight) as weight_squared,
        sum(weight * weight) as sum_w_squared,
        sum(weight * weight * net * net) as sum_s_squared,
        sum(weight * weight * net) as sum_s_w
    from placed
    where weight is not null
    group by
        {{ cell | join(',\n        ') }}
),

{{ ctes_from_weighted_sums_to_scores() }},

measured as (
    select
        counts.*,
        {{ nps('counts.detractors', 'counts.passives', 'counts.promoters') }} as nps,
        {{ adjusted_wald_low('counts.detractors', 'counts.passives', 'counts.promoters') }} as nps_low,
        {{ adjusted_wald_high('counts.detractors', 'counts.passives', 'counts.promoters') }} as nps_high,
        {{ adjusted_wald_centre('counts.detractors', 'counts.passives', 'counts.promoters') }} as centre,
        {{ adjusted_wald_variance('counts.detractors', 'counts.passives', 'counts.promoters') }} as variance,
        coalesce(weighted.answers, 0) as weighted_responses,
        coalesce(weighted.answers >= {{ least_weighted_share() }} * counts.responses, false) as is_weighted,
        weighted.score,
        weighted.score_low,
        weighted.score_high,
        weighted.n_effective,
        {{ adjusted_wald_centre('weighted.detractors', 'weighted.passives', 'weighted.promoters', 'weighted.deff') }} as weighted_centre,
        {{ adjusted_wald_variance('weighted.detractors', 'weighted.passives', 'weighted.promoters', 'weighted.deff') }} as weighted_variance
    from counts
    left join weighted
        on
            counts.panel = weighted.panel
            and counts.competitor = weighted.competitor
            and counts.is_own = weighted.is_own
            and counts.period_grain = weighted.period_grain
            and counts.period_starts_on = weighted.period_starts_on
),

judged as (
    select
        measured.*,
        case
            when measured.responses < current_build.hidden_below then 'hidden'
            when measured.responses < current_build.indicative_below then 'indicative'
            when
                case
                    when measured.is_weighted then measured.score_high - measured.score_low
                    else measured.nps_high - measured.nps_low
                end / 2 > current_build.indicative_half_width
                then 'indicative'
            else 'reportable'
        end as reporting,
        measured.responses >= current_build.hidden_below as is_shown
    from measured
    cross join current_build
),

-- a panel's weights make it like the market; a weighted score is set against a weighted one, or a raw one against a raw one
paired as (
    select
        judged.*,
        ours.responses as own_responses,
        coalesce(judged.is_weighted and ours.is_weighted, false) as gap_is_weighted,
        coalesce(judged.is_shown and ours.is_shown, false) as gap_is_shown,
        ours.nps as own_nps,
        ours.score as own_score,
        ours.centre as own_centre,
        ours.variance as own_variance,
        ours.weighted_centre as own_weighted_centre,
        ours.weighted_variance as own_weighted_variance
    from judged
    left join judged as ours
        on
            judged.panel = ours.panel
            and judged.period_grain = ours.period_grain
            and judged.period_starts_on = ours.period_starts_on
            and ours.is_own
            and not judged.is_own
),

published as (
    select
        {{ stable_id('benchmark', ['panel', 'competitor', 'period_grain', 'period_starts_on']) }} as benchmark_id,
        panel,
        competitor,
        period_grain,
        reporting,
        responses,
        case when is_shown then promoters end as promoters,
        case when is_shown then passives end as passives,
        case when is_shown then detractors end as detractors,
        cast(case when is_shown then nps end as numeric(9, 4)) as nps,
        cast(case when is_shown then nps_low end as numeric(9, 4)) as nps_low,
        cast(case when is_shown then nps_high end as numeric(9, 4)) as nps_high,
        cast(weighted_responses as bigint) as weighted_responses,
        cast(case when is_shown and is_weighted then score end as numeric(9, 4)) as nps_weighted,
        cast(case when is_shown and is_weighted then score_low end as numeric(9, 4)) as nps_weighted_low,
        cast(case when is_shown and is_weighted then score_high end as numeric(9, 4)) as nps_weighted_high,
        cast(case when is_shown and is_weighted then n_effective end as numeric(18, 4)) as n_effective_weighted,
        own_responses,
        cast(case
            when gap_is_shown and gap_is_weighted then own_score - score
            when gap_is_shown then own_nps - nps
        end as numeric(9, 4)) as gap,
        {% for end, sign in [('low', '-'), ('high', '+')] -%}
        cast(case
            when gap_is_shown and gap_is_weighted
                then {{ nps_difference_end(
                    'own_weighted_centre', 'own_weighted_variance', 'weighted_centre', 'weighted_variance', sign
                ) }}
            when gap_is_shown
                then {{ nps_difference_end('own_centre', 'own_variance', 'centre', 'variance', sign) }}
        end as numeric(9, 4)) as gap_{{ end }},
        {% endfor -%}
        is_own,
        case when gap_is_shown then gap_is_weighted end as gap_is_weighted,
        period_starts_on,
        period_ends_on
    from paired
)

select * from published
