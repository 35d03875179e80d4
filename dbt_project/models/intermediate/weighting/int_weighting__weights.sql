-- one row per answer with a weight: how many of the frame it speaks for
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['response_id'], 'unique': true}]) }}

with

answers as (
    select * from {{ ref('int_weighting__answers') }}
),

adjustments as (
    {{ analysed_in_build('weight_adjustments') }}
)

select
    answers.response_id,
    answers.programme,
    answers.weighting_wave as wave,
    cast(answers.design_weight as numeric(18, 6)) as design_weight,
    cast(adjustments.adjustment as numeric(18, 6)) as adjustment,
    cast(round(answers.design_weight * adjustments.adjustment, 6) as numeric(18, 6)) as weight
from answers
inner join adjustments
    on
        answers.programme = adjustments.programme
        and answers.weighting_wave = adjustments.weighting_wave
        and answers.margin_cell = adjustments.margin_cell
where answers.design_weight is not null
