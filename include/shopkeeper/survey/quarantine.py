"""Leaving people alone: no two invitations to one customer, or to one address, closer together than the quarantine.

Compared is with invitations, back and forward in time, never with having been a candidate: who was not drawn is free.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.survey import addresses, assignment
from shopkeeper.survey.current import newest
from shopkeeper.survey.waves import Wave


def settle(
    connection: sa.Connection,
    folder: CompanyFolder,
    programme: Programme,
    wave: Wave,
    *,
    as_of: datetime,
    known_at: datetime,
    is_shared: bool,
) -> None:
    """Turn away the candidates whose invitation would come too near another one, or too soon after they declined.

    `is_shared` says whether `address_shares` holds any address.
    """
    quarantine = folder.programmes.quarantine
    days = max(programme.quarantine, quarantine.any_programme_days, quarantine.after_decline_days)
    if not days or not _find_others(connection, programme, as_of=as_of, known_at=known_at, since=as_of - timedelta(days=days)):
        return
    if is_shared:
        addresses.add_neighbours(connection)
    connection.execute(
        sa.text(
            f"""
            with near as (
                select customer_id, interaction_id, moment, timezone
                from candidates
                where reason is null and customer_id in (select customer_id from others)
            ),
            judged as (
                select near.customer_id, near.interaction_id,
                    bool_or(others.is_invitation and others.programme = :programme and {_within("own")}) as own,
                    bool_or(others.is_invitation and others.programme is distinct from :programme and {_within("any")}) as other,
                    bool_or(not others.is_invitation and {_within("decline")}) as declined
                from near
                cross join {assignment.due_at(programme, wave, "near")}
                inner join others on near.customer_id = others.customer_id
                group by near.customer_id, near.interaction_id
            )
            update candidates
            set reason = case when own then 'quarantine_programme' when other then 'quarantine_any' else 'after_decline' end
            from judged
            where candidates.reason is null and (own or other or declined) and candidates.customer_id = judged.customer_id
                and candidates.interaction_id is not distinct from judged.interaction_id
            """
        ),
        {
            **assignment.binds(programme, as_of, folder.company.timezone),
            "programme": wave.programme,
            "own": timedelta(days=programme.quarantine),
            "any": timedelta(days=quarantine.any_programme_days),
            "decline": timedelta(days=quarantine.after_decline_days),
        },
    )


def _within(bound: str) -> str:
    return f"others.at > due.due_at - :{bound} and others.at < due.due_at + :{bound}"


def _find_others(connection: sa.Connection, programme: Programme, *, as_of: datetime, known_at: datetime, since: datetime) -> int:
    """Make `others`: every invitation that counts and may be near, and every decline, by customer; returns how many there are.

    What went to a record that was merged away went to the one that it was merged into.

    An invitation counts from when it was sent, else from when it is due, and from `as_of` on where that is overdue; not at all
    once it is settled that it will not be sent.
    """
    person = "employee_id" if programme.kind == "employee" else "customer_id"
    binds = {"as_of": as_of, "since": since, "known_at": known_at}
    history = ""
    if programme.kind != "employee":
        history = f"""
            union all
            select customer_id, programme, sent_at, true from ({newest("survey_invitations")}) as history
            where customer_id is not null and sent_at > :since
        """
    connection.execute(
        sa.text(
            f"""
            create temporary table others on commit drop as
            with invitations as (
                select invitation_id, {person} as customer_id, programme, due_at
                from ops.invitations
                where {person} is not null and expires_at > :since
            ),
            told as (
                select invitation_id,
                    max(occurred_at) filter (where event = 'sent') as sent_at,
                    max(event_id) filter (where event in ('sending', 'sent')) as sent_id,
                    max(event_id) filter (where event in ('not_sent', 'refused')) as unsent_id,
                    max(occurred_at) filter (where event in ('declined', 'opted_out')) as declined_at
                from ops.invitation_events
                where message is distinct from 'reminder' and invitation_id in (select invitation_id from invitations)
                group by invitation_id
            )
            select customer_id, programme, coalesce(sent_at, greatest(due_at, :as_of)) as at, true as is_invitation
            from invitations left join told using (invitation_id)
            where unsent_id is null or unsent_id < sent_id
            union all
            select customer_id, programme, declined_at, false
            from invitations inner join told using (invitation_id)
            where declined_at > :since
            {history}
            """
        ),
        binds,
    )
    connection.execute(
        sa.text("update others set customer_id = survivor_customer_id from merged where merged.customer_id = others.customer_id")
    )
    connection.execute(sa.text("analyze others"))
    return int(connection.scalar(sa.text("select count(*) from others")) or 0)
