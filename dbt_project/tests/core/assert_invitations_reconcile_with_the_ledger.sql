-- A response rate whose denominator lost invitations on the way looks better than it is.
-- Every customer's invitation that was sent, or was not to be sent, is in the mart once; every one whose days to be answered in are
-- over is in its cohort.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

events as (
    select * from {{ ref('stg_ledger_events') }}
),

sent as (
    select
        events.invitation_id,
        {{ company_date('min(events.occurred_at)', 'min(current_build.company_timezone)') }} as sent_on,
        {{ add_days('min(current_build.as_of_on)', '-min(current_build.maturity_days)') }} as mature_before
    from events
    cross join current_build
    where
        events.event in ('sent', 'offered')
        and coalesce(events.message, '') <> 'reminder'
    group by events.invitation_id
),

-- of each e-mail the newest word about sending; the rest is what happened after that
ended as (
    select distinct events.invitation_id
    from events
    left join events as later
        on
            events.invitation_id = later.invitation_id
            and events.event_id < later.event_id
            and coalesce(later.message, '') <> 'reminder'
            and later.event in ('claimed', 'released', 'sending', 'sent', 'deferred', 'refused', 'doubtful', 'not_sent')
    where
        (events.event not in ('claimed', 'released', 'sending', 'sent', 'deferred', 'refused', 'doubtful', 'not_sent'))
        or (
            events.event in ('sent', 'refused', 'doubtful', 'not_sent')
            and coalesce(events.message, '') <> 'reminder'
            and later.event_id is null
        )
),

ledger as (
    select
        invitations.programme,
        count(*) as invitations,
        count(sent.sent_on) as sends,
        sum(case when sent.sent_on < sent.mature_before then 1 else 0 end) as mature_sends
    from {{ ref('stg_ledger_invitations') }} as invitations
    inner join ended
        on invitations.invitation_id = ended.invitation_id
    left join sent
        on invitations.invitation_id = sent.invitation_id
    where invitations.employee_id is null
    group by invitations.programme
),

mart as (
    select
        invitations.programme,
        sum(case when invitations.wave is not null then 1 else 0 end) as invitations,
        sum(case when invitations.wave is not null and invitations.invited_at is not null then 1 else 0 end) as sends,
        sum(case
            when
                invitations.wave is null
                and {{ add_days('invitations.invited_on', 'current_build.maturity_days') }} < current_build.as_of_on
                then 1
            else 0
        end) as mature_sends_of_history
    from {{ ref('fct_survey_invitations') }} as invitations
    cross join current_build
    group by invitations.programme
),

cohorts as (
    select
        programme,
        sum(cohort_invitations) as cohort_invitations
    from {{ ref('_cohort_counts') }}
    where
        dimension = 'all'
        and period_grain = 'day'
    group by programme
)

select
    mart.programme,
    mart.invitations,
    ledger.invitations as invitations_in_ledger,
    mart.sends,
    ledger.sends as sends_in_ledger,
    cohorts.cohort_invitations,
    ledger.mature_sends as mature_sends_in_ledger
from mart
full join ledger
    on mart.programme = ledger.programme
left join cohorts
    on mart.programme = cohorts.programme
where
    coalesce(mart.invitations, 0) <> coalesce(ledger.invitations, 0)
    or coalesce(mart.sends, 0) <> coalesce(ledger.sends, 0)
    or coalesce(cohorts.cohort_invitations, 0) <> coalesce(mart.mature_sends_of_history, 0) + coalesce(ledger.mature_sends, 0)
