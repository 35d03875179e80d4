"""One reminder to those who have not answered, and an end to what could not be sent in time."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.recheck import ENDS

# The invitation is out and nothing has come back: no answer, no bounce, no word against it.
_QUEUE = f"""
    insert into ops.send_queue (invitation_id, message, due_at)
    select invitation_id, 'reminder', due_at
    from (
        select
            invitations.invitation_id, invitations.expires_at,
            (sent.occurred_at at time zone :zone + make_interval(days => (waves.config -> 'reminder' ->> 'after_days')::integer))
                at time zone :zone as due_at
        from ops.invitations
        inner join ops.waves using (wave_id)
        inner join ops.invitation_events as sent
            on sent.invitation_id = invitations.invitation_id and sent.event = 'sent' and sent.message is distinct from 'reminder'
        where invitations.expires_at > :now and invitations.channel = 'email' and waves.config ->> 'reminder' is not null
    ) as open
    where due_at <= :now and due_at < expires_at
        and not exists (
            select from ops.invitation_events as events
            where events.invitation_id = open.invitation_id and (events.message = 'reminder' or events.event in {ENDS!r})
        )
        and not exists (select from pii.survey_submissions as answers where answers.invitation_id = open.invitation_id)
        and cast(invitation_id as text) not in (
            select invitation_id from raw.survey_responses where invitation_id is not null and not _is_deleted
        )
    on conflict do nothing
"""

_TOO_LATE = """
    with gone as (
        delete from ops.send_queue as queue
        using (
            select invitation_id, message from ops.send_queue
            inner join ops.invitations using (invitation_id)
            where worker is null and expires_at <= :now
            for update of send_queue skip locked
        ) as late
        where queue.invitation_id = late.invitation_id and queue.message = late.message
        returning queue.invitation_id, queue.message
    )
    insert into ops.invitation_events (invitation_id, message, event, reason, occurred_at)
    select invitation_id, message, 'not_sent', 'expired', :now from gone
"""


def queue(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> int:
    """Put a reminder into the queue for every invitation of which the wave's reminder is due; returns how many. Again, it puts none.

    It is due so many days after the invitation was sent, at the same time of the day in company time. `send_due` looks once
    more, before each one goes out, whether an answer has come.
    """
    with engine.begin() as connection:
        return connection.execute(sa.text(_QUEUE), {"now": now, "zone": folder.company.timezone}).rowcount


def drop_late(engine: sa.Engine, *, now: datetime) -> int:
    """Take out of the queue what cannot be answered any more, for which there is a reason in the ledger; returns how many messages.

    Such as a wave that nobody approved, one drawn for another mode of delivery, or a programme paused until it was too late.
    """
    with engine.begin() as connection:
        return connection.execute(sa.text(_TOO_LATE), {"now": now}).rowcount
