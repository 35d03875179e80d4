"""The ledger: who is asked (`ops.invitations`), and everything that became of it (`ops.invitation_events`, append-only).

Events are appended here, and by `claims.QUEUE` as it moves messages: what is still to be sent stands in `ops.send_queue` as
well, a work list that must always tell the same story as the events. `contradictions` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse.survey_tables import INVITATION_EVENTS, SENDING_EVENTS

Message = Literal["invitation", "reminder"]

# Of everything that happened to an invitation, the latest in this list tells most; an answer beats all that went before.
PROGRESS = (
    "claimed",
    "released",
    "deferred",
    "sending",
    "not_sent",
    "doubtful",
    "refused",
    "sent",
    "delivered",
    "expired",
    "bounced",
    "opened",
    "offered",
    "agreed",
    "called_back",
    "reached",
    "started",
    "answered",
    "complained",
    "declined",
    "opted_out",
    "partial",
    "completed",
)
WAITING = ("claimed", "released", "deferred")

# One row per message that has been touched: its latest sending event. A message in the queue without any event waits.
MESSAGE_STATES = f"""
    select distinct on (invitation_id, message)
        invitation_id, message, case when event in {WAITING!r} then 'waiting' else event end as state,
        event as latest_event, code, reason, occurred_at
    from ops.invitation_events
    where message is not null and event in {SENDING_EVENTS!r}
    order by invitation_id, message, event_id desc
"""

# One row per invitation: `state` is the event of PROGRESS that tells most, or `waiting`. A reminder's fate changes nothing.
INVITATION_STATES = f"""
    select
        invitations.invitation_id, coalesce(latest.state, 'waiting') as state, latest.code, latest.reason, latest.occurred_at
    from ops.invitations
    left join (
        select distinct on (told.invitation_id)
            told.invitation_id, case when event in {WAITING!r} then 'waiting' else event end as state, code, reason, occurred_at
        from (
            select invitation_id, event, code, reason, occurred_at, event_id
            from ops.invitation_events
            where event not in {SENDING_EVENTS!r}
            union all
            select * from (
                select distinct on (invitation_id) invitation_id, event, code, reason, occurred_at, event_id
                from ops.invitation_events
                where event in {SENDING_EVENTS!r} and message is distinct from 'reminder'
                order by invitation_id, event_id desc
            ) as sending
        ) as told
        order by told.invitation_id, array_position(array{list(PROGRESS)!r}, event) desc, event_id desc
    ) as latest using (invitation_id)
"""


@dataclass(frozen=True)
class Event:
    """One entry. `code` is the mail server's or provider's own; `reason` is ours. Neither ever holds an address or a name."""

    invitation_id: UUID
    event: str
    occurred_at: datetime
    message: Message | None = None
    code: str | None = None
    reason: str | None = None
    actor: str = "shopkeeper"


def record(
    connection: sa.Connection,
    invitation_id: UUID,
    event: str,
    *,
    message: Message | None = None,
    code: str | None = None,
    reason: str | None = None,
    actor: str = "shopkeeper",
    occurred_at: datetime,
) -> None:
    """Append one event, inside the caller's transaction."""
    record_all(connection, [Event(invitation_id, event, occurred_at, message, code, reason, actor)])


def record_all(connection: sa.Connection, events: Iterable[Event]) -> None:
    """Append events in their order, inside the caller's transaction."""
    if rows := [asdict(event) for event in events]:
        connection.execute(sa.insert(INVITATION_EVENTS), rows)


def record_many(
    connection: sa.Connection, columns: Sequence[str], query: str, parameters: Mapping[str, Any] | None = None, *, once: bool = False
) -> int:
    """Append what a query selects, inside the caller's transaction; returns how many events.

    `columns` names the query's columns in their order: invitation_id, event and occurred_at, and any of message, code, reason
    and actor. `once` leaves out an event that the same message of the same invitation already has.
    """
    if not {"invitation_id", "event", "occurred_at"} <= set(columns):
        raise ValueError("an event has an invitation_id, an event and an occurred_at")
    names = ", ".join(columns)
    message = "new.message" if "message" in columns else "null"
    unseen = f"""
        not exists (
            select from ops.invitation_events as old
            where old.invitation_id = new.invitation_id and old.event = new.event and old.message is not distinct from {message}
        )
    """
    statement = f"""
        insert into ops.invitation_events ({names})
        select {names} from ({query}) as new ({names})
        where {unseen if once else "true"}
    """
    return connection.execute(sa.text(statement), dict(parameters or {})).rowcount


# --- doubtful messages: nobody knows whether they went out ----------------------------------------------------------------


@dataclass(frozen=True)
class Doubtful:
    """An e-mail that was being handed over when the sender died or the connection broke."""

    invitation_id: UUID
    message: Message
    programme: str
    wave: str
    customer_id: str | None
    employee_id: str | None
    reason: str | None
    occurred_at: datetime


_DOUBTFUL = f"""
    select events.invitation_id, events.message, invitations.programme, waves.name as wave, invitations.customer_id,
        invitations.employee_id, events.reason, events.occurred_at
    from ops.invitation_events as events
    inner join ops.invitations using (invitation_id)
    inner join ops.waves using (wave_id)
    where events.event = 'doubtful' and not exists (
        select from ops.invitation_events as later
        where later.invitation_id = events.invitation_id and later.message = events.message
            and later.event in {SENDING_EVENTS!r} and later.event_id > events.event_id
    )
"""


def list_doubtful(engine: sa.Engine) -> list[Doubtful]:
    """Messages of which nobody knows whether they went out, oldest first. They are not sent again until a person says so."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text(f"{_DOUBTFUL} order by events.event_id"))
        return [Doubtful(**row) for row in rows.mappings()]


def release(engine: sa.Engine, invitation_id: UUID, *, was_sent: bool, actor: str, now: datetime, message: Message = "invitation") -> None:
    """A person's word on a doubtful message: it was sent, or it was not and goes back to the queue, due at `now`.

    Raises ShopkeeperError when that message is not doubtful.
    """
    with engine.begin() as connection:
        connection.execute(sa.text("select from ops.invitations where invitation_id = :id for update"), {"id": invitation_id})
        found = connection.execute(
            sa.text(f"{_DOUBTFUL} and events.invitation_id = :id and events.message = :message"), {"id": invitation_id, "message": message}
        ).one_or_none()
        if found is None:
            raise fail(f"invitation {invitation_id}", f"its {message} is not doubtful", "./shopkeeper doubtful list shows those that are")
        event = "sent" if was_sent else "released"
        record(connection, invitation_id, event, message=message, reason="said by a person", actor=actor, occurred_at=now)
        if not was_sent:
            connection.execute(
                sa.text("insert into ops.send_queue (invitation_id, message, due_at) values (:id, :message, :now)"),
                {"id": invitation_id, "message": message, "now": now},
            )


# --- the queue and the events -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contradiction:
    invitation_id: UUID
    message: str
    state: str | None
    in_queue: bool
    is_claimed: bool


def contradictions(connection: sa.Connection) -> list[Contradiction]:
    """Messages of which queue and events say different things; always empty unless somebody wrote into the tables by hand.

    A message is in the queue exactly while it waits or is being sent, and has a worker exactly while it is claimed or being
    sent. Every invitation has a message that is in the queue or has an end.
    """
    query = f"""
        with states as ({MESSAGE_STATES}),
        messages as (
            select invitation_id, 'invitation' as message from ops.invitations
            union
            select invitation_id, message from ops.send_queue
            union
            select invitation_id, message from states
        )
        select
            invitation_id, message, states.latest_event as state, queue.due_at is not null as in_queue,
            queue.worker is not null as is_claimed
        from messages
        left join states using (invitation_id, message)
        left join ops.send_queue as queue using (invitation_id, message)
        where (queue.due_at is not null) <> (coalesce(states.state, 'waiting') in ('waiting', 'sending'))
            or (queue.worker is not null) <> coalesce(states.latest_event in ('claimed', 'sending'), false)
        order by invitation_id, message
    """
    return [Contradiction(**row) for row in connection.execute(sa.text(query)).mappings()]
