-- one row per programme and day of sends by waves of ours: how many there were, and how many went to a customer who had to be left alone
-- for longer: after an invitation of the same programme, after one of another, or after declining. A send that breaks several of these
-- rules counts under the first. Earlier invitations count whoever sent them; the days are those of the wave. The closed loop asks again
-- soon after a call-back, and so soon after the survey that led to it: the rule about other programmes lets that pass.
with

waves as (
    select
        programme,
        wave,
        quarantine_days,
        coalesce(any_programme_days, 0) as any_programme_days,
        coalesce(after_decline_days, 0) as after_decline_days
    from {{ ref('stg_ledger_waves') }}
    where quarantine_days is not null
),

invitations as (
    select
        invitation_id,
        customer_id,
        programme,
        wave,
        invited_on,
        invited_at
    from {{ ref('fct_survey_invitations') }}
    where customer_id is not null
),

declines as (
    select
        invitations.customer_id,
        events.occurred_at as declined_at
    from {{ ref('stg_ledger_events') }} as events
    inner join invitations
        on cast(events.invitation_id as text) = invitations.invitation_id
    where events.event in ('declined', 'opted_out')
),

recoveries as (
    select distinct cast(invitation_id as text) as invitation_id
    from {{ ref('stg_order_events') }}
    where event = 'recovery_asked'
),

followed as (
    select
        *,
        lag(invited_at) over (
            partition by customer_id, programme
            order by invited_at, invitation_id
        ) as same_programme_at,
        lag(invited_at) over (
            partition by customer_id
            order by invited_at, invitation_id
        ) as before_at,
        lag(programme) over (
            partition by customer_id
            order by invited_at, invitation_id
        ) as programme_before
    from invitations
    where invited_at is not null
),

-- the last invitation of another programme came before the first of an unbroken run of this one
sends as (
    select
        *,
        max(case when programme_before <> programme then before_at end) over (
            partition by customer_id
            order by invited_at, invitation_id
            rows between unbounded preceding and current row
        ) as other_programme_at
    from followed
),

after_declining as (
    select distinct sends.invitation_id
    from declines
    inner join sends
        on
            declines.customer_id = sends.customer_id
            and declines.declined_at < sends.invited_at
    inner join waves
        on
            sends.programme = waves.programme
            and sends.wave = waves.wave
    where sends.invited_at < {{ add_days_to_moment('declines.declined_at', 'waves.after_decline_days') }}
),

judged as (
    select
        sends.programme,
        sends.invited_on,
        case
            when sends.invited_at < {{ add_days_to_moment('sends.same_programme_at', 'waves.quarantine_days') }} then 'same_programme'
            when
                recoveries.invitation_id is null
                and sends.invited_at < {{ add_days_to_moment('sends.other_programme_at', 'waves.any_programme_days') }}
                then 'other_programme'
            when after_declining.invitation_id is not null then 'after_decline'
        end as breach
    from sends
    inner join waves
        on
            sends.programme = waves.programme
            and sends.wave = waves.wave
    left join recoveries
        on sends.invitation_id = recoveries.invitation_id
    left join after_declining
        on sends.invitation_id = after_declining.invitation_id
)

select
    programme,
    invited_on,
    count(*) as sends,
    count(breach) as breaches,
    sum(case when breach = 'same_programme' then 1 else 0 end) as breaches_same_programme,
    sum(case when breach = 'other_programme' then 1 else 0 end) as breaches_other_programme,
    sum(case when breach = 'after_decline' then 1 else 0 end) as breaches_after_decline
from judged
group by
    programme,
    invited_on
