-- one row per touched invitation of the ledger to a customer that has come to something: sent, or not to be sent.
-- What it came to is told by the event that tells most; docs/dispositions.md has the table. A reminder changes nothing of it.
{{ config(post_hook="{{ analyze() }}") }}

with

touched as (
    select distinct {{ as_uuid('invitation_id') }} as invitation_id
    from {{ ref('int_survey_invitations__touched') }}
),

events as (
    select * from {{ ref('stg_ledger_events') }}
),

dispositions as (
    select * from {{ ref('dispositions') }}
),

invitations as (
    select * from {{ ref('stg_ledger_invitations') }}
),

waves as (
    select * from {{ ref('stg_ledger_waves') }}
),

told as (
    select
        events.*,
        dispositions.disposition,
        dispositions.place,
        dispositions.is_about_sending,
        row_number() over (
            partition by events.invitation_id, dispositions.is_about_sending
            order by events.event_id desc
        ) as recency
    from events
    inner join touched
        on events.invitation_id = touched.invitation_id
    inner join dispositions
        on events.event = dispositions.code
    where not (dispositions.is_about_sending and coalesce(events.message, '') = 'reminder')
),

ranked as (
    select
        *,
        row_number() over (
            partition by invitation_id
            order by place desc, event_id desc
        ) as rank_of_event
    from told
    where
        not is_about_sending
        or recency = 1
),

sends as (
    select
        invitation_id,
        min(occurred_at) as sent_at
    from told
    where event in ('sent', 'offered')
    group by invitation_id
),

reminders as (
    select
        events.invitation_id,
        min(events.occurred_at) as reminded_at
    from events
    inner join touched
        on events.invitation_id = touched.invitation_id
    where
        events.event = 'sent'
        and events.message = 'reminder'
    group by events.invitation_id
)

select
    cast(invitations.invitation_id as text) as invitation_id,
    invitations.customer_id,
    invitations.interaction_id,
    invitations.programme,
    invitations.wave_id,
    waves.wave,
    waves.survey_method,
    invitations.survey_provider,
    invitations.survey_channel,
    invitations.stratum,
    invitations.arms,
    ranked.event as disposition_code,
    ranked.disposition,
    ranked.reason,
    invitations.inclusion_probability,
    invitations.design_weight,
    invitations.drawn_at,
    sends.sent_at,
    reminders.reminded_at
from ranked
inner join invitations
    on ranked.invitation_id = invitations.invitation_id
inner join waves
    on invitations.wave_id = waves.wave_id
left join sends
    on ranked.invitation_id = sends.invitation_id
left join reminders
    on ranked.invitation_id = reminders.invitation_id
where
    ranked.rank_of_event = 1
    and ranked.disposition <> 'pending'
    -- employees are asked about working here; that is no customer's score
    and invitations.employee_id is null
