"""What is owed to people about orders: that one is theirs, that one is due again, overdue, or to be decided on.

Owed is what the events say and no message says yet, so nobody is told twice, and nothing is forgotten after a run that died.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.owners import Staff
from shopkeeper.closed_loop.words import words_of
from shopkeeper.company.closed_loop import Band
from shopkeeper.company.config import NPS, CompanyFolder
from shopkeeper.messages import outbox
from shopkeeper.messages.chat import targets
from shopkeeper.messages.letters import Heard, Letters, Reader
from shopkeeper.messages.outbox import Message
from shopkeeper.survey import wording
from shopkeeper.survey.current import newest
from shopkeeper.survey.packet import NOW_KNOWN

CHUNK = 200
# What happened longer ago than this is no news any more: everybody concerned has seen it on the desk.
NEWS = timedelta(days=7)


@dataclass(frozen=True)
class About:
    """What an order is about, for whoever is told of it; `at_stake` is what the customer may still bring, where marts say so."""

    heard: Heard
    at_stake: Decimal | None


def about(connection: sa.Connection, folder: CompanyFolder, order_ids: Sequence[UUID]) -> dict[UUID, About]:
    """Of each order: the customer's name and words, and what the order is about."""
    are_valued = connection.scalar(sa.text("select to_regclass('marts.customer_lifetime_values') is not null"))
    values = "select customer_id, lifetime_value_expected as at_stake from marts.customer_lifetime_values"
    none = "select cast(null as text) as customer_id, cast(null as numeric) as at_stake"
    query = _ABOUT.format(values=values if are_valued else none)
    rows = connection.execute(sa.text(query), {"order_ids": list(order_ids), "known_at": NOW_KNOWN}).mappings().all()
    words = words_of(connection, [UUID(row["response_key"]) for row in rows if row["response_key"]])
    found = {}
    for row in rows:
        programme = folder.programmes.programmes.get(row["programme"] or "")
        scale = folder.company.scales.get(programme.scale if programme else "0-10", NPS)
        said = words.get(UUID(row["response_key"])) if row["response_key"] else None
        heard = Heard(
            customer=row["full_name"] or row["customer_id"],
            at=row["occurred_at"],
            score=row["score"],
            previous_score=row["previous_score"],
            highest=scale.score_to,
            band=None if row["score"] is None else cast(Band, wording.band(row["score"], scale)),
            verbatim=said.verbatim if said else None,
            interaction_type=row["interaction_type"],
            interaction_at=row["interaction_at"],
        )
        found[row["order_id"]] = About(heard, row["at_stake"])
    return found


_ABOUT = f"""
    with chosen as (select * from ops.work_orders where order_id = any(:order_ids)),
    people as ({newest("customers", pii=("full_name",), among="select distinct customer_id from chosen")}),
    served as ({newest("interactions", among="select distinct interaction_id from chosen where interaction_id is not null")}),
    valued as (select * from ({{values}}) as valued where customer_id in (select customer_id from chosen))
    select
        chosen.order_id, chosen.customer_id, chosen.response_key, people.full_name, valued.at_stake, signals.score, signals.previous_score,
        signals.programme, coalesce(signals.occurred_at, chosen.opened_at) as occurred_at,
        served.interaction_type, served.occurred_at as interaction_at
    from chosen
    left join ops.signals on chosen.signal_id = signals.signal_id
    left join people on chosen.customer_id = people.customer_id
    left join served on chosen.interaction_id = served.interaction_id
    left join valued on chosen.customer_id = valued.customer_id
"""


def tell(engine: sa.Engine, folder: CompanyFolder, staff: Staff, *, now: datetime) -> Counter[str]:
    """Post every message that is owed; returns how many of each kind."""
    told: Counter[str] = Counter()
    writer = _Writer(folder, staff, Letters(folder), now)
    given = {"since": now - NEWS, "today_ends": _day_ends(folder, now), "size": CHUNK}
    for query, after in ((_EVENTS, 0), (_DUE, UUID(int=0))):
        last: Any = after
        while last is not None:
            with engine.begin() as connection:
                rows = connection.execute(sa.text(query), {**given, "after": last}).all()
                known = about(connection, folder, [row.order_id for row in rows])
                messages = [message for row in rows for message in writer.messages(row, known[row.order_id])]
                for kind in told.keys() | {message.kind for message in messages}:
                    told[kind] += outbox.post(connection, [message for message in messages if message.kind == kind], now=now)
            last = rows[-1].place if len(rows) == CHUNK else None
    return told


# What happened to open orders, is news to somebody, and has no message yet. Whoever did it knows it already.
_EVENTS = """
    select
        events.event_id as place, 'work order event|' || events.event_id as identity, events.event, events.actor, events.employee_id,
        events.reason, events.amount, events.details, asked.actor as asked_by, orders.order_id, orders.owner_employee_id, orders.unit_path,
        orders.call_wanted, coalesce(orders.due_at, orders.close_due_at) as due_at
    from ops.work_order_events as events
    inner join ops.work_orders as orders using (order_id)
    left join ops.work_order_events as asked on events.about_event_id = asked.event_id
    where events.event_id > :after and events.occurred_at > :since
        and orders.state = 'open'
        and (
            events.event = 'assigned' and events.reason <> 'moved' and events.employee_id = orders.owner_employee_id
            and events.employee_id <> events.actor
            or events.event = 'escalated'
            or events.event = 'approval_asked' and orders.awaits_approval
            or events.event in ('approved', 'refused') and asked.actor <> events.actor
        )
        and not exists (
            select from ops.messages where message_id = ops.stable_id('message', 'work order event|' || events.event_id)
        )
    order by events.event_id
    limit :size
"""

# A call or a step that falls due today and is not the first call, of which the alert has told.
_DUE = """
    select due.*
    from (
        select
            orders.order_id as place, 'due again|' || orders.order_id || '|' || cast(extract(epoch from due_at) as bigint) as identity,
            case when steps.order_id is null then 'again' else 'step' end as event, orders.order_id, orders.owner_employee_id,
            orders.unit_path, orders.call_wanted, orders.due_at
        from ops.work_orders as orders
        left join lateral (
            select planned.order_id from ops.work_order_events as planned
            where planned.order_id = orders.order_id and planned.event = 'follow_up_planned' and planned.due_at = orders.due_at limit 1
        ) as steps on true
        where orders.order_id > :after and state = 'open' and orders.due_at < :today_ends and owner_employee_id is not null
            and (attempts > 0 and orders.due_at <> orders.close_due_at or steps.order_id is not null)
    ) as due
    where not exists (select from ops.messages where message_id = ops.stable_id('message', due.identity))
    order by due.place
    limit :size
"""


@dataclass(frozen=True)
class _Writer:
    folder: CompanyFolder
    staff: Staff
    letters: Letters
    now: datetime

    def messages(self, row: sa.Row[Any], what: About) -> Iterator[Message]:
        given: dict[str, Any] = {"heard": what.heard, "identity": row.identity, "order_id": row.order_id, "due_at": self.now}
        match row.event:
            case "assigned" | "again" | "step":
                given |= {"reason": row.event, "call_by": row.due_at, "call_wanted": row.call_wanted, "at_stake": what.at_stake}
                yield self.letters.alert(self._reader(row.owner_employee_id), **given)
            case "escalated":
                since = datetime.fromisoformat(row.details["since"])
                yield self.letters.escalation(self._reader(row.employee_id), when=row.details["when"], since=since, **given)
                del given["heard"]
                for name in targets(self.folder.closed_loop, row.unit_path):
                    yield self.letters.to_chat(name, "escalation", at=since, **{**given, "identity": f"{row.identity}|{name}"})
            case "approval_asked":
                if supervisor := self.staff.supervisor(row.actor):
                    yield self.letters.approval(self._reader(supervisor.employee_id), amount=row.amount, at_stake=what.at_stake, **given)
            case "approved" | "refused":
                is_approved = row.event == "approved"
                yield self.letters.decided(self._reader(row.asked_by), amount=row.amount, is_approved=is_approved, **given)

    def _reader(self, employee_id: str) -> Reader:
        person = self.staff.people.get(employee_id)
        return Reader(employee_id, person.get("locale") if person else None)


def _day_ends(folder: CompanyFolder, now: datetime) -> datetime:
    """Midnight after `now`, in company time."""
    zone = folder.company.zone
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
