"""Waves as people see them: what was drawn and why others were not, and who let it go out or called it off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.survey import ledger
from shopkeeper.warehouse.survey_tables import WAVE_EVENTS

# A wave may go out live once a live wave of the same programme, configured the same, was approved: itself or an earlier one.
IS_APPROVED = """
    exists (
        select from ops.wave_events as approvals
        inner join ops.waves as approved on approvals.wave_id = approved.wave_id
        where approvals.event = 'approved' and approved.delivery = 'live'
            and approved.programme = waves.programme and approved.config_hash = waves.config_hash
    )
"""
IS_CANCELLED = "exists (select from ops.wave_events as ends where ends.wave_id = waves.wave_id and ends.event = 'cancelled')"


@dataclass(frozen=True)
class Wave:
    """A wave and how far it is. `state`: cancelled, waiting for approval, sending (some are still to be sent) or sent."""

    wave_id: UUID
    programme: str
    name: str
    delivery: str
    state: str
    covers_from: datetime
    covers_to: datetime
    drawn_at: datetime
    plan_id: int | None
    candidates: int
    turned_away: int
    drawn: int
    sent: int
    to_send: int
    answered: int


_WAVES = f"""
with

chosen as (
    select *
    from ops.waves
    where (cast(:programme as text) is null or programme = :programme) and (cast(:name as text) is null or name = :name)
),

told as (
    select
        invitations.wave_id,
        count(*) filter (where events.sent) as sent,
        count(*) filter (where events.answered) as answered
    from ops.invitations
    inner join chosen using (wave_id)
    inner join (
        select
            invitation_id,
            bool_or(event = 'sent' and message is distinct from 'reminder') as sent,
            bool_or(event in ('partial', 'completed', 'answered')) as answered
        from ops.invitation_events
        where event in ('sent', 'partial', 'completed', 'answered')
        group by invitation_id
    ) as events using (invitation_id)
    group by invitations.wave_id
),

queued as (
    select invitations.wave_id, count(*) as to_send
    from ops.send_queue
    inner join ops.invitations using (invitation_id)
    inner join chosen using (wave_id)
    where message = 'invitation'
    group by invitations.wave_id
)

select
    waves.wave_id, waves.programme, waves.name, waves.delivery,
    case
        when {IS_CANCELLED} then 'cancelled'
        when waves.delivery = 'live' and coalesce(queued.to_send, 0) > 0 and not {IS_APPROVED} then 'waiting for approval'
        when coalesce(queued.to_send, 0) > 0 then 'sending'
        else 'sent'
    end as state,
    waves.covers_from, waves.covers_to, waves.drawn_at, waves.plan_id, waves.candidates, waves.turned_away, waves.drawn,
    coalesce(told.sent, 0) as sent, coalesce(queued.to_send, 0) as to_send, coalesce(told.answered, 0) as answered
from chosen as waves
left join told using (wave_id)
left join queued using (wave_id)
order by waves.covers_to desc, waves.programme, waves.name
limit :limit
"""


def list_waves(engine: sa.Engine, *, programme: str | None = None, name: str | None = None, limit: int | None = None) -> list[Wave]:
    """Waves, newest first, with what has become of their invitations."""
    given = {"programme": programme, "name": name, "limit": limit}
    with engine.connect() as connection:
        return [Wave(**row) for row in connection.execute(sa.text(_WAVES), given).mappings()]


def find(engine: sa.Engine, wanted: str) -> Wave:
    """The wave `programme/name`, or the newest of `programme`. Raises ShopkeeperError when there is none."""
    programme, _, name = wanted.partition("/")
    if found := list_waves(engine, programme=programme, name=name or None, limit=1):
        return found[0]
    raise fail(f"wave {wanted}", "there is no such wave", "./shopkeeper wave list shows them; write PROGRAMME or PROGRAMME/NAME")


@dataclass(frozen=True)
class Stratum:
    """How one stratum of a frame was drawn; probability is empty where nobody can know it, or it differs within the stratum."""

    stratum: str
    candidates: int
    turned_away: int
    drawn: int
    probability: float | None


@dataclass(frozen=True)
class Preview:
    """What a wave will do: by stratum, why people were turned away, and when and how the drawn are asked."""

    wave: Wave
    strata: tuple[Stratum, ...]
    reasons: Mapping[str, int]
    locales: Mapping[str, int]
    arms: Mapping[str, int]
    due_from: datetime | None
    due_to: datetime | None


_STRATA = """
select
    coalesce(stratum, '') as stratum,
    count(*) as candidates,
    count(*) filter (where outcome = 'turned_away') as turned_away,
    count(*) filter (where outcome = 'drawn') as drawn,
    case
        when min(inclusion_probability) filter (where outcome = 'drawn') = max(inclusion_probability) filter (where outcome = 'drawn')
        then min(inclusion_probability)::float
    end as probability
from quality.wave_frames
where wave_id = :wave_id
group by 1
order by 1
"""
_REASONS = """
select reason, count(*) from quality.wave_frames where wave_id = :wave_id and outcome = 'turned_away' group by reason order by 2 desc, 1
"""
_LOCALES = "select locale, count(*) from ops.invitations where wave_id = :wave_id group by locale order by 2 desc, 1"
_ARMS = """
select tests.key || ': ' || tests.value, count(*)
from ops.invitations cross join lateral jsonb_each_text(arms) as tests
where wave_id = :wave_id
group by 1
order by 1
"""
_DUE = "select min(due_at) as due_from, max(due_at) as due_to from ops.invitations where wave_id = :wave_id"


def preview(engine: sa.Engine, wave: Wave) -> Preview:
    """What a drawn wave will do, from its frozen frame and its invitations: counts only, no person."""
    given = {"wave_id": wave.wave_id}
    with engine.connect() as connection:

        def counts(query: str) -> dict[str, int]:
            return dict(connection.execute(sa.text(query), given).tuples().all())

        due = connection.execute(sa.text(_DUE), given).one()
        return Preview(
            wave=wave,
            strata=tuple(Stratum(**row) for row in connection.execute(sa.text(_STRATA), given).mappings()),
            reasons=counts(_REASONS),
            locales=counts(_LOCALES),
            arms=counts(_ARMS),
            due_from=due.due_from,
            due_to=due.due_to,
        )


def approve(engine: sa.Engine, wave: Wave, *, note: str | None, actor: str, now: datetime) -> None:
    """Let a wave go out; later waves of the same programme follow without asking, until its configuration changes.

    Raises ShopkeeperError when the wave was cancelled.
    """
    if wave.state == "cancelled":
        raise fail(f"wave {wave.programme}/{wave.name}", "was cancelled", "the next wave is drawn in its turn")
    with engine.begin() as connection:
        _append(connection, wave, "approved", note=note, actor=actor, now=now)


def record_test(engine: sa.Engine, wave: Wave, *, e_mails: int, actor: str, now: datetime) -> None:
    """Note that the wave's e-mail was sent to staff, and in how many copies."""
    with engine.begin() as connection:
        _append(connection, wave, "tested", note=f"{e_mails} e-mails to staff", actor=actor, now=now)


def cancel(engine: sa.Engine, wave: Wave, *, reason: str, actor: str, now: datetime) -> int:
    """Call a wave off: what has not been sent never will be; returns how many messages that are.

    What was sent stays sent, and its answers are collected. A message that a sender holds at this moment is left to it.
    Raises ShopkeeperError without a reason, or when the wave was cancelled before.
    """
    where = f"wave {wave.programme}/{wave.name}"
    if not reason.strip():
        raise fail(where, "cannot be cancelled without a reason", "say why with --reason")
    with engine.begin() as connection:
        locked = "select wave_id from ops.waves where wave_id = :wave_id for update"
        connection.execute(sa.text(locked), {"wave_id": wave.wave_id})
        if connection.scalar(sa.text(f"select {IS_CANCELLED} from ops.waves where wave_id = :wave_id"), {"wave_id": wave.wave_id}):
            raise fail(where, "was cancelled before")
        _append(connection, wave, "cancelled", note=reason.strip(), actor=actor, now=now)
        waiting = """
            with gone as (
                delete from ops.send_queue
                where worker is null and invitation_id in (select invitation_id from ops.invitations where wave_id = :wave_id)
                returning invitation_id, message
            )
            select invitation_id, message from gone
        """
        rows = connection.execute(sa.text(waiting), {"wave_id": wave.wave_id}).all()
        ledger.record_all(
            connection,
            (ledger.Event(row.invitation_id, "not_sent", now, row.message, None, "wave_cancelled", actor) for row in rows),
        )
    return len(rows)


def _append(connection: sa.Connection, wave: Wave, event: str, *, note: str | None, actor: str, now: datetime) -> None:
    values: dict[str, Any] = {"wave_id": wave.wave_id, "event": event, "note": note, "actor": actor, "recorded_at": now}
    connection.execute(sa.insert(WAVE_EVENTS).values(values))
