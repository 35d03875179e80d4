-- one row per programme × weighting wave: how its answers were weighted to those who could have been asked, and at what cost
with

cells as (
    select
        programme,
        weighting_wave,
        sum(frame) as frame,
        sum(invited) as invited,
        min(invited_from) as invited_from,
        max(invited_to) as invited_to
    from {{ ref('_weighting_cells') }}
    group by
        programme,
        weighting_wave
),

counts as (
    select
        programme,
        weighting_wave,
        sum(answers) as answers,
        sum(case when design_weight is not null then answers else 0 end) as weighted_answers
    from {{ ref('_weighting_counts') }}
    group by
        programme,
        weighting_wave
),

weightings as (
    {{ analysed_in_build('survey_weightings') }}
)

select
    {{ stable_id('survey_weighting', ['weightings.programme', 'weightings.weighting_wave']) }} as weighting_id,
    weightings.programme,
    weightings.weighting_wave as wave,
    weightings.method,
    weightings.margins,
    weightings.warnings,
    cast(cells.frame as bigint) as frame,
    cast(cells.invited as bigint) as invited,
    cast(coalesce(counts.answers, 0) as bigint) as answers,
    cast(coalesce(counts.weighted_answers, 0) as bigint) as weighted_answers,
    weightings.trimmed,
    weightings.iterations,
    weightings.design_effect,
    weightings.n_effective,
    weightings.is_converged,
    weightings.crossings_differ,
    cells.invited_from,
    cells.invited_to
from weightings
inner join cells
    on
        weightings.programme = cells.programme
        and weightings.weighting_wave = cells.weighting_wave
left join counts
    on
        weightings.programme = counts.programme
        and weightings.weighting_wave = counts.weighting_wave
