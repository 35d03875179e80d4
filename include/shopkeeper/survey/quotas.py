"""Quotas: once enough have answered in a stratum of a wave, those who have not been written to yet are left alone."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from shopkeeper.survey.ledger import Event, record_all


def stop_where_met(connection: sa.Connection, *, now: datetime) -> int:
    """Take the invitations of every full stratum off the queue, inside the caller's transaction; returns how many.

    An answer counts as soon as it has a score or more. What a worker has claimed goes out all the same, so a quota can be
    exceeded by what is under way and unanswered, never undercut by this.
    """
    stopped = connection.scalars(
        sa.text(
            """
            with quotas as (
                select wave_id, quota.key as stratum, cast(quota.value as bigint) as wanted
                from ops.waves
                cross join lateral json_each_text(config #> '{sampling,quotas}') as quota
            ),
            full_strata as (
                select wave_id, stratum
                from quotas
                inner join ops.invitations using (wave_id, stratum)
                inner join ops.invitation_events using (invitation_id)
                where event in ('partial', 'completed')
                group by wave_id, stratum, wanted
                having count(distinct invitation_id) >= wanted
            ),
            waiting as (
                select invitation_id, message
                from ops.send_queue
                inner join ops.invitations using (invitation_id)
                inner join full_strata using (wave_id, stratum)
                where message = 'invitation' and worker is null
                for update of send_queue skip locked
            )
            delete from ops.send_queue using waiting
            where send_queue.invitation_id = waiting.invitation_id and send_queue.message = waiting.message
            returning send_queue.invitation_id
            """
        )
    ).all()
    record_all(connection, [Event(one, "not_sent", now, message="invitation", reason="quota_reached") for one in stopped])
    return len(stopped)
