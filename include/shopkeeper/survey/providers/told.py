"""What providers say happened to invitations, on its way into the ledger and onto the suppression list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from shopkeeper.survey import ledger, packet, suppression
from shopkeeper.survey.providers.base import Told

ACTOR = "provider"

# Only of invitations that this provider was given: it says nothing about those of another.
_OURS = """
    select told.place, told.event, told.occurred_at, told.code, ours.invitation_id
    from jsonb_to_recordset(cast(:told as jsonb))
        as told (place integer, event text, occurred_at timestamptz, code text, invitation_id text, interaction_id text)
    inner join ops.invitations as ours
        on ours.provider = :provider and (
            ours.invitation_id = case when pg_input_is_valid(told.invitation_id, 'uuid') then told.invitation_id::uuid end
            or told.invitation_id is null and ours.interaction_id = told.interaction_id
        )
"""


def record(engine: sa.Engine, provider: str, events: Iterable[Told], *, now: datetime) -> tuple[int, set[int]]:
    """Append what is new to the ledger; returns how many events that were, and the places (from 0) of those that found no invitation.

    Each kind of event stands once in an invitation's life. Who opted out or complained is blocked, and an address that mail
    came back from, in the same transaction.
    """
    listed = [
        {
            "place": place,
            "event": each.event,
            "occurred_at": each.occurred_at.isoformat(),
            "code": each.code,
            "invitation_id": each.invitation_id,
            "interaction_id": each.interaction_id,
        }
        for place, each in enumerate(events)
    ]
    if not listed:
        return 0, set()
    given = {"told": json.dumps(listed), "provider": provider}
    with engine.begin() as connection:
        before = connection.scalar(sa.text("select coalesce(max(event_id), 0) from ops.invitation_events"))
        found = set(connection.scalars(sa.text(f"select place from ({_OURS}) as ours"), given))
        query = f"""
            select distinct on (invitation_id, event) invitation_id, event, occurred_at, code, '{ACTOR}'
            from ({_OURS}) as ours order by invitation_id, event, occurred_at
        """
        new = ledger.record_many(connection, ["invitation_id", "event", "occurred_at", "code", "actor"], query, given, once=True)
        if new:
            _suppress(connection, provider, before, now)
    return new, {each["place"] for each in listed if isinstance(each["place"], int)} - found


_KINDS: dict[str, suppression.Kind] = {"opted_out": "opted_out", "complained": "complaint", "bounced": "hard_bounce"}
_SOFT = ("soft", "4")


def _suppress(connection: sa.Connection, provider: str, before: int, now: datetime) -> None:
    """A bounce is about the address, anything else about the person."""
    query = f"""
        select events.invitation_id, events.event, coalesce(events.code, '') as code, coalesce(customer_id, employee_id) as person_id
        from ops.invitation_events as events
        inner join ops.invitations using (invitation_id)
        where event_id > :before and actor = '{ACTOR}' and provider = :provider and event in {tuple(_KINDS)!r}
    """
    rows = connection.execute(sa.text(query), {"before": before, "provider": provider}).all()
    bounced = [row.invitation_id for row in rows if row.event == "bounced" and not row.code.lower().startswith(_SOFT)]
    packets = packet.gather(connection, bounced, now) if bounced else {}
    for row in rows:
        whom = packets.get(row.invitation_id)
        suppression.block(
            connection,
            _KINDS[row.event],
            invitation_id=row.invitation_id,
            reason=f"told by {provider}",
            now=now,
            person_id=row.person_id if row.event != "bounced" else None,
            address=whom.email if whom and row.event == "bounced" else None,
        )
