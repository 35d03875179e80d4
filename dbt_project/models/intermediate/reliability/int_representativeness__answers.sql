-- one row per programme × weighting wave × before or after the reminder: the bands of the answers that count. Where nobody was reminded,
-- all answers are in one row. Of several metrics in a wave the one with most answers is taken.
{{ config(post_hook="{{ analyze() }}") }}

with

invitations as (
    select * from {{ ref('fct_survey_invitations') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and band is not null
),

members as (
    select * from {{ ref('_frame_members') }}
    where is_invited
),

answers as (
    select
        members.programme,
        members.weighting_wave,
        responses.metric,
        responses.band,
        coalesce(responses.responded_at >= invitations.reminded_at, false) as is_after_reminder,
        invitations.reminded_at is not null as is_reminded
    from responses
    inner join members
        on responses.invitation_id = members.invitation_id
    inner join invitations
        on responses.invitation_id = invitations.invitation_id
),

metrics as (
    select
        programme,
        weighting_wave,
        metric,
        max(case when is_reminded then 1 else 0 end) = 1 as has_reminders,
        row_number() over (
            partition by programme, weighting_wave
            order by count(*) desc, metric
        ) as place
    from answers
    group by
        programme,
        weighting_wave,
        metric
)

select
    answers.programme,
    answers.weighting_wave,
    case when metrics.has_reminders then answers.is_after_reminder end as is_late,
    sum(case when answers.band = 'detractor' then 1 else 0 end) as detractors,
    sum(case when answers.band = 'passive' then 1 else 0 end) as passives,
    sum(case when answers.band = 'promoter' then 1 else 0 end) as promoters
from answers
inner join metrics
    on
        answers.programme = metrics.programme
        and answers.weighting_wave = metrics.weighting_wave
        and answers.metric = metrics.metric
where metrics.place = 1
group by
    answers.programme,
    answers.weighting_wave,
    case when metrics.has_reminders then answers.is_after_reminder end
