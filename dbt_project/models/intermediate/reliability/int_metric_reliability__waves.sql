-- one row per score to judge and weighting wave that brought a good part of its answers: how many, and what is known of the wave
{%- set limits = reliability_limits() %}

with

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

weightings as (
    select * from {{ ref('survey_weightings') }}
),

representativeness as (
    select * from {{ ref('representativeness') }}
),

answers as (
    select
        responses.programme,
        responses.metric,
        members.programme as asked_programme,
        members.weighting_wave,
        responses.responded_on,
        count(*) as answers
    from {{ ref('fct_survey_responses') }} as responses
    inner join {{ ref('_frame_members') }} as members
        on responses.invitation_id = members.invitation_id
    where
        responses.excluded_reason is null
        and responses.band is not null
        and members.is_invited
    group by
        responses.programme,
        responses.metric,
        members.programme,
        members.weighting_wave,
        responses.responded_on
),

brought as (
    select
        cells.cell_id,
        answers.asked_programme,
        answers.weighting_wave,
        sum(answers.answers) as answers
    from cells
    inner join answers
        on
            cells.programme = answers.programme
            and cells.metric = answers.metric
            and answers.responded_on between cells.period_starts_on and cells.period_ends_on
    group by
        cells.cell_id,
        answers.asked_programme,
        answers.weighting_wave
),

shares as (
    select
        *,
        sum(answers) over (partition by cell_id) as answers_of_cell
    from brought
)

select
    shares.cell_id,
    shares.asked_programme as programme,
    shares.weighting_wave,
    shares.answers,
    weightings.is_converged,
    weightings.crossings_differ,
    frames.r_indicator,
    frames.r_low,
    frames.r_high,
    frames.bias_bound,
    reminders.gap,
    reminders.p
from shares
left join weightings
    on
        shares.asked_programme = weightings.programme
        and shares.weighting_wave = weightings.wave
left join representativeness as frames
    on
        shares.asked_programme = frames.programme
        and shares.weighting_wave = frames.wave
        and frames.variable = 'all'
left join representativeness as reminders
    on
        shares.asked_programme = reminders.programme
        and shares.weighting_wave = reminders.wave
        and reminders.variable = 'early_late'
where shares.answers >= {{ limits['share_of_wave'] }} * shares.answers_of_cell
