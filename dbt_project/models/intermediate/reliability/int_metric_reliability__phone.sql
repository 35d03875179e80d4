-- one row per score to judge most of whose answers came from a wave whose silent were called: what everybody invited would have said
with

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

follow_ups as (
    select * from {{ ref('phone_follow_ups') }}
    where nps is not null
),

answers as (
    select
        follow_ups.follow_up_id,
        responses.programme,
        responses.metric,
        responses.responded_on,
        count(*) as answers
    from follow_ups
    inner join {{ ref('fct_survey_invitations') }} as invitations
        on
            follow_ups.programme = invitations.programme
            and follow_ups.wave = invitations.wave
    inner join {{ ref('fct_survey_responses') }} as responses
        on
            invitations.invitation_id = responses.invitation_id
            and follow_ups.metric = responses.metric
    where responses.excluded_reason is null
    group by
        follow_ups.follow_up_id,
        responses.programme,
        responses.metric,
        responses.responded_on
),

brought as (
    select
        cells.cell_id,
        cells.responses,
        answers.follow_up_id,
        sum(answers.answers) as answers
    from cells
    inner join answers
        on
            cells.programme = answers.programme
            and cells.metric = answers.metric
            and answers.responded_on between cells.period_starts_on and cells.period_ends_on
    group by
        cells.cell_id,
        cells.responses,
        answers.follow_up_id
)

select
    brought.cell_id,
    follow_ups.wave,
    follow_ups.nps,
    follow_ups.nps_low,
    follow_ups.nps_high
from brought
inner join follow_ups
    on brought.follow_up_id = follow_ups.follow_up_id
-- of two waves one brought more than half
where 2 * brought.answers > brought.responses
