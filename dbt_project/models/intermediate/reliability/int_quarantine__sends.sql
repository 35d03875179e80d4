-- one row per programme and day of sends by waves of ours: how many there were, and how many went to a customer whom the programme had
-- asked before and had to leave alone for longer. Earlier invitations count whoever sent them; the days are those of the wave.
with

waves as (
    select
        programme,
        wave,
        quarantine_days
    from {{ ref('stg_ledger_waves') }}
    where quarantine_days is not null
),

sends as (
    select
        programme,
        wave,
        invited_on,
        invited_at,
        lag(invited_at) over (
            partition by programme, customer_id
            order by invited_at, invitation_id
        ) as invited_before_at
    from {{ ref('fct_survey_invitations') }}
    where
        invited_at is not null
        and customer_id is not null
)

select
    sends.programme,
    sends.invited_on,
    count(*) as sends,
    sum(case
        when sends.invited_at < {{ add_days_to_moment('sends.invited_before_at', 'waves.quarantine_days') }} then 1
        else 0
    end) as breaches
from sends
inner join waves
    on
        sends.programme = waves.programme
        and sends.wave = waves.wave
group by
    sends.programme,
    sends.invited_on
