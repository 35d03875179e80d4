-- one row per programme × metric with a weighted score now: what it would be if answering depended on the score itself
with

scores as (
    select * from {{ ref('nps_current') }}
    where
        dimension = 'all'
        and period_grain = 'rolling_90_days'
),

analysed as (
    {{ analysed_in_build('sensitivity_bands') }}
)

select
    {{ stable_id('sensitivity_band', ['analysed.programme', 'analysed.metric']) }} as band_id,
    analysed.programme,
    analysed.metric,
    scores.nps_weighted,
    scores.nps_weighted_low,
    scores.nps_weighted_high,
    cast(analysed.answering_from as numeric(9, 4)) as answering_from,
    cast(analysed.answering_to as numeric(9, 4)) as answering_to,
    analysed.nps_low_end,
    analysed.nps_low_end_low,
    analysed.nps_low_end_high,
    analysed.nps_high_end,
    analysed.nps_high_end_low,
    analysed.nps_high_end_high,
    analysed.tipping_ratio,
    analysed.goal,
    analysed.goal_tipping_ratio,
    analysed.sign_flips,
    analysed.goal_flips,
    scores.period_starts_on,
    scores.period_ends_on
from analysed
inner join scores
    on
        analysed.programme = scores.programme
        and analysed.metric = scores.metric
where scores.nps_weighted is not null
