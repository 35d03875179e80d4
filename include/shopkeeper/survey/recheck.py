"""What is looked at once more before each e-mail: time has passed since the wave was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.company.programmes import Programme, Quarantine
from shopkeeper.survey import ledger, windows
from shopkeeper.survey.approval import IS_CANCELLED
from shopkeeper.survey.claims import Claimed
from shopkeeper.survey.control import ADDRESS_HASH
from shopkeeper.survey.current import readable
from shopkeeper.survey.packet import Packet
from shopkeeper.warehouse.survey_tables import SENDING_EVENTS

# An e-mail that is so late has missed its hours: an outage must not wake customers up.
LATE = timedelta(hours=2)
# A quarantine that ends so soon is waited for: the other e-mail went out some hours later than it was due.
WORTH_WAITING = timedelta(days=1)


@dataclass(frozen=True)
class Verdict:
    """`send`, `paused` (stop, keep the claim's place), `wait` (until `until`), or `not_sent` (for `reason`)."""

    what: str
    reason: str | None = None
    until: datetime | None = None


SEND, PAUSED = Verdict("send"), Verdict("paused")

# After these nothing more is sent about an invitation.
ENDS = ("bounced", "complained", "declined", "opted_out", "partial", "completed", "answered", "expired")

# The closed loop asks again soon after a call-back, and so soon after the survey that led to it: the quarantine between programmes
# lets that pass. Everything else holds.
IS_RECOVERY = "exists (select from ops.work_order_events where event = 'recovery_asked' and invitation_id = {invitation_id})"

_LOOK = f"""
    select
        exists (
            select from ops.pauses
            where pauses.resumed_at is null and (pauses.programme is null or pauses.programme = waves.programme)
        ) as is_paused,
        {IS_CANCELLED} as is_cancelled,
        exists (
            select from pii.contact_blocks
            where lifted_at is null and (customer_id = any(:records) or address_hash = {ADDRESS_HASH})
        ) as is_blocked,
        (
            select event from ops.invitation_events
            where invitation_id = :invitation_id and event in {ENDS!r} order by event_id desc limit 1
        ) as ended,
        exists (select from pii.survey_submissions where invitation_id = :invitation_id) as has_submitted,
        {IS_RECOVERY.format(invitation_id=":invitation_id")} as is_recovery,
        others.same_programme_at, others.other_programme_at, others.declined_at
    from ops.waves
    cross join lateral (
        select
            max(latest.occurred_at) filter (where other.programme = waves.programme) as same_programme_at,
            max(latest.occurred_at) filter (where other.programme <> waves.programme) as other_programme_at,
            max(declined.occurred_at) as declined_at
        from ops.invitations as other
        left join lateral (
            select event, occurred_at from ops.invitation_events as events
            where events.invitation_id = other.invitation_id and events.message is distinct from 'reminder'
                and events.event in {SENDING_EVENTS!r}
            order by event_id desc limit 1
        ) as latest on latest.event in ('sending', 'sent', 'doubtful')
        left join lateral (
            select max(occurred_at) as occurred_at from ops.invitation_events as events
            where events.invitation_id = other.invitation_id and events.event = 'declined'
        ) as declined on true
        where other.invitation_id <> :invitation_id and {{same_person}}
    ) as others
    where waves.wave_id = :wave_id
"""

# Addresses change between the draw and the sending: two customers may share one by now.
_SAME_ADDRESS = f"select invitation_id from pii.mailed_addresses where address_hash = {ADDRESS_HASH}"
_SAME_CUSTOMER = f"(other.customer_id = any(:records) or other.invitation_id = any(array({_SAME_ADDRESS})))"
_LOOK_AT_CUSTOMER = _LOOK.format(same_person=f"other.customer_id is not null and {_SAME_CUSTOMER}")
_LOOK_AT_EMPLOYEE = _LOOK.format(same_person="other.customer_id is null and other.employee_id = :person_id")


def judge(connection: sa.Connection, one: Claimed, whom: Packet, *, programme: Programme, quarantine: Quarantine, now: datetime) -> Verdict:
    """May this message go out now? Locks the person, and the address, until the caller commits, so that two workers cannot both say yes.

    The caller commits before it asks about the next one.
    """
    person_id = one.customer_id or one.employee_id
    lock = sa.func.hashtextextended(f"shopkeeper.survey.person.{person_id}", 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    if whom.email:
        connection.execute(_LOCK_ADDRESS, {"address": whom.email})
    given = {
        **one.key,
        "wave_id": one.wave_id,
        "person_id": person_id,
        "records": [person_id, *whom.other_records],
        "address": whom.email or "",
    }
    seen = dict(connection.execute(sa.text(_LOOK_AT_CUSTOMER if one.customer_id else _LOOK_AT_EMPLOYEE), given).mappings().one())
    if seen["is_paused"]:
        return PAUSED
    if reason := _why_never(one, seen, now):
        return Verdict("not_sent", reason)
    if one.message == "reminder":
        return SEND
    return _quarantined(seen, programme, quarantine, one.expires_at, now)


_LOCK_ADDRESS = sa.text(f"select pg_advisory_xact_lock(hashtextextended('shopkeeper.survey.address.' || {ADDRESS_HASH}, 0))")


def begin(connection: sa.Connection, one: Claimed, whom: Packet, *, now: datetime) -> None:
    """Write down, before it goes out, that a message is being sent, and where to; inside the caller's transaction."""
    ledger.record(connection, one.invitation_id, "sending", message=one.message, occurred_at=now)
    if whom.email and one.message == "invitation":
        connection.execute(_REMEMBER, {"invitation_id": one.invitation_id, "address": whom.email})


_REMEMBER = sa.text(
    f"""
    insert into pii.mailed_addresses (invitation_id, address_hash) values (:invitation_id, {ADDRESS_HASH})
    on conflict (invitation_id) do update set address_hash = excluded.address_hash
    """
)


def _why_never(one: Claimed, seen: Mapping[str, Any], now: datetime) -> str | None:
    reasons = (
        ("wave_cancelled", seen["is_cancelled"]),
        ("expired", one.expires_at <= now),
        ("blocked", seen["is_blocked"]),
        ("answered", seen["has_submitted"] or seen["ended"] in ("partial", "completed", "answered")),
        (seen["ended"], seen["ended"] is not None),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _quarantined(seen: Mapping[str, Any], programme: Programme, quarantine: Quarantine, expires_at: datetime, now: datetime) -> Verdict:
    """By what was sent and when. A moment that lies in the future, after the clock was set back, counts as well."""
    rules = (
        ("quarantine_programme", seen["same_programme_at"], programme.quarantine),
        ("quarantine_any", None if seen["is_recovery"] else seen["other_programme_at"], quarantine.any_programme_days),
        ("after_decline", seen["declined_at"], quarantine.after_decline_days),
    )
    hindered = [(at + timedelta(days=days), reason) for reason, at, days in rules if at is not None and at + timedelta(days=days) > now]
    if not hindered:
        return SEND
    until, reason = max(hindered)
    if until - now <= WORTH_WAITING and until < expires_at:
        return Verdict("wait", reason, until)
    return Verdict("not_sent", reason)


def next_opening(one: Claimed, programme: Programme, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the programme's send window opens next on this customer's clock, for an e-mail that is late and outside of it."""
    if now - one.due_at < LATE:
        return None
    own = windows.arms_windows(programme)
    arms = (own.get(f"{test}/{arm}") for test, arm in one.arms.items())
    window = next((found for found in arms if found is not None), programme.window)
    opens, _ = windows.following(window, zone, after=now, until=now)[0]
    return opens if opens > now else None


# --- what is looked up for many at once ------------------------------------------------------------------------------------


def from_other_records(
    connection: sa.Connection,
    claims: Sequence[Claimed],
    packets: Mapping[UUID, Packet],
    programmes: Mapping[UUID, Programme],
    *,
    quarantine: Quarantine,
    now: datetime,
) -> dict[UUID, str]:
    """Invitation → why not, by what `raw` says: sends that are not in our ledger, and answers that have come to reminded ones."""
    found: dict[UUID, str] = {}
    asked = [one.invitation_id for one in claims if one.message == "invitation" and one.customer_id]
    records = [(one, record) for one in asked for record in (packets[one].person_id, *packets[one].other_records)]
    given = {"ids": [one for one, _ in records], "records": [record for _, record in records], "known_at": "infinity"}
    waves = {one.invitation_id: one.wave_id for one in claims}
    if given["ids"]:
        for row in connection.execute(sa.text(_HISTORY), given):
            own = timedelta(days=programmes[waves[row.invitation_id]].quarantine)
            if row.same_programme_at is not None and row.same_programme_at + own > now:
                found[row.invitation_id] = "quarantine_programme"
            elif row.other_at is not None and row.other_at + timedelta(days=quarantine.any_programme_days) > now:
                found[row.invitation_id] = "quarantine_any"
    if reminded := [str(one.invitation_id) for one in claims if one.message == "reminder"]:
        answered: Iterable[str] = connection.scalars(
            sa.text("select invitation_id from raw.survey_responses where invitation_id = any(:ids) and not _is_deleted"), {"ids": reminded}
        )
        found |= dict.fromkeys((UUID(each) for each in answered), "answered")
    return found


_HISTORY = f"""
    select
        asked.invitation_id,
        max(history.sent_at) filter (where history.programme = asked.programme) as same_programme_at,
        max(history.sent_at) filter (
            where history.programme is distinct from asked.programme and not {IS_RECOVERY.format(invitation_id="asked.invitation_id")}
        ) as other_at
    from unnest(cast(:ids as uuid[]), cast(:records as text[])) as records (invitation_id, customer_id)
    inner join ops.invitations as asked using (invitation_id)
    inner join raw.survey_invitations as history on records.customer_id = history.customer_id
    where history.invitation_id <> cast(asked.invitation_id as text)
        and not history._is_deleted and {readable("survey_invitations").replace("_batch_id", "history._batch_id", 1)}
    group by asked.invitation_id
"""
