"""Keeping time: what happens to work orders when nobody does anything, and when those who should act are not here any more.

Every step works through orders in chunks, each one transaction that locks its orders and leaves alone what others have locked. Run
again, killed anywhere, or run twice at once, it does everything once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop import owed, recovery
from shopkeeper.closed_loop.calendar import add_hours
from shopkeeper.closed_loop.commands import SHOPKEEPER
from shopkeeper.closed_loop.events import HELD_BACK, Event, append, project
from shopkeeper.closed_loop.owners import Owner, Staff
from shopkeeper.company.closed_loop import Escalation
from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.current import survivors
from shopkeeper.survey.packet import NOW_KNOWN
from shopkeeper.warehouse.ids import stable_id

CHUNK = 200
Rows = Sequence[sa.Row[Any]]


def keep_time(engine: sa.Engine, folder: CompanyFolder, *, now: datetime, run_id: str | None = None) -> dict[str, Any]:
    """Do all that is due by `now`; returns how many orders each step touched, messages by kind, and recovery surveys asked for.

    Delayed orders are released, orders of merged customers put together, those whose owner is not here given to somebody who is,
    those whose last call reached nobody closed, overdue ones escalated; customers whose order was resolved are asked again; and
    everybody concerned is told.
    """
    with engine.connect() as connection:
        staff = Staff.read(connection, on=now.astimezone(folder.company.zone).date())
    run = _Run(engine, folder, staff, now)
    done = {
        "released": run.through(_HELD, run.released),
        "merged": run.through(_MERGED, run.merged),
        "reassigned": run.through(_MISPLACED, run.reassigned),
        "not_reached": run.through(_NOT_REACHED, run.not_reached),
        "escalated": sum(run.escalate(name, escalation) for name, escalation in folder.closed_loop.escalations.items()),
    }
    asked = recovery.ask(engine, folder, now=now, run_id=run_id)
    return {**done, "recovery_surveys": asked, "messages": dict(owed.tell(engine, folder, staff, now=now))}


# Each names the orders that a step is about, in the order of their ids, `:size` of them after `:after`.
_CHOSEN = "orders.order_id > :after and orders.state = 'open'"
_NEXT = "order by orders.order_id limit :size for update of orders skip locked"
_IS_HELD = f"orders.order_id in (select order_id from ops.work_orders where {HELD_BACK})"

_HELD = f"""
    select orders.*, opened.details ->> 'owner_employee_id' as meant_for
    from ops.work_orders as orders
    inner join ops.work_order_events as opened on orders.order_id = opened.order_id and opened.event = 'opened'
    where {_CHOSEN} and {_IS_HELD} and orders.opened_at <= :delayed_until
    {_NEXT}
"""
# The owner has left, is absent, has moved with the unit or to another one; or nobody could be found until now.
_MISPLACED = f"""
    select orders.*
    from ops.work_orders as orders
    left join ops.directory on orders.owner_employee_id = directory.employee_id
    where {_CHOSEN} and not {_IS_HELD} and (
        not coalesce(directory.is_here, false)
        or (orders.org_unit_id, orders.unit_path) is distinct from (directory.org_unit_id, directory.unit_path)
        or exists (
            select from ops.absences
            where absences.employee_id = orders.owner_employee_id and withdrawn_at is null
                and cast(:now at time zone :zone as date) between from_on and to_on
        )
    )
    {_NEXT}
"""
# The last call that there was to be has been made and reached nobody; an offer that waits for a supervisor's word is waited for.
_NOT_REACHED = f"""
    select orders.* from ops.work_orders as orders
    where {_CHOSEN} and orders.attempts > 0 and orders.due_at is null and not orders.awaits_approval
    {_NEXT}
"""
_OVERDUE = f"""
    select orders.*, case when :when = 'no_attempt' then orders.due_at else orders.close_due_at end as since
    from ops.work_orders as orders
    where {_CHOSEN} and not {_IS_HELD}
        and case
            when :when = 'no_attempt' then orders.attempts = 0 and orders.call_wanted and orders.due_at <= :latest
            else orders.close_due_at <= :latest
        end
        and not exists (
            select from ops.work_order_events as events
            where events.order_id = orders.order_id and events.event = 'escalated' and events.reason = :name
        )
    {_NEXT}
"""
# The customer turned out to be another one, who has an open order too: one person is called once.
_MERGED = f"""
    select orders.*, others.order_id as into_order_id
    from ops.work_orders as orders
    inner join ({survivors()}) as merged on orders.customer_id = merged.customer_id
    inner join ops.work_orders as others on merged.survivor_customer_id = others.customer_id and others.state = 'open'
    where {_CHOSEN}
    order by orders.order_id limit :size for update of orders, others skip locked
"""


@dataclass(frozen=True)
class _Run:
    engine: sa.Engine
    folder: CompanyFolder
    staff: Staff
    now: datetime

    def through(self, query: str, step: Callable[[sa.Row[Any]], list[Event]], **given: Any) -> int:
        """Take the orders that `query` names through a step, chunk by chunk; returns how many it changed."""
        comparison, zone = self.folder.closed_loop.comparison, self.folder.company.timezone
        delayed_until = self.now - timedelta(days=comparison.delay_days)
        given |= {"now": self.now, "zone": zone, "delayed_until": delayed_until, "known_at": NOW_KNOWN, "size": CHUNK}
        changed, last = 0, UUID(int=0)
        while True:
            with self.engine.begin() as connection:
                rows = connection.execute(sa.text(query), {**given, "after": last}).all()
                steps = [events for row in rows if (events := step(row))]
                events = [event for one in steps for event in one]
                append(connection, events)
                project(connection, sorted({event.order_id for event in events}), now=self.now)
            changed += len(steps)
            if len(rows) < CHUNK:
                return changed
            last = rows[-1].order_id

    def released(self, order: sa.Row[Any]) -> list[Event]:
        owner = self.staff.stand_in(order.meant_for) or self.staff.head()
        cycle = self.folder.closed_loop.cycle
        due: dict[str, Any] = {"due_at": self._later(cycle.first_attempt_hours), "close_due_at": self._later(24 * cycle.close_within_days)}
        return [Event(order.order_id, "assigned", self.now, SHOPKEEPER, reason="released", **_to(owner), **due)]

    def reassigned(self, order: sa.Row[Any]) -> list[Event]:
        before = order.owner_employee_id
        owner = self.staff.stand_in(before) or self.staff.leader(order.org_unit_id) or self.staff.head()
        if owner is None or owner == Owner(before, order.org_unit_id, order.unit_path):
            return []
        if before is None:
            reason = "found"
        elif before == owner.employee_id:
            reason = "moved"
        else:
            reason = "absent" if self.staff.works_here(before) else "left"
        return [Event(order.order_id, "assigned", self.now, SHOPKEEPER, reason=reason, **_to(owner))]

    def not_reached(self, order: sa.Row[Any]) -> list[Event]:
        return [Event(order.order_id, "closed", self.now, SHOPKEEPER, reason="not_reached")]

    def merged(self, order: sa.Row[Any]) -> list[Event]:
        into = order.into_order_id
        return [
            Event(into, "signal_added", self.now, SHOPKEEPER, signal_id=order.signal_id),
            Event(order.order_id, "closed", self.now, SHOPKEEPER, reason="merged", details={"into_order_id": str(into)}),
        ]

    def escalate(self, name: str, escalation: Escalation) -> int:
        """Once per order and rule: the event's command names both."""

        def step(order: sa.Row[Any]) -> list[Event]:
            if add_hours(self.folder.closed_loop.calendar, self.folder.company.zone, order.since, escalation.after_hours) > self.now:
                return []
            to = self.staff.supervisor(order.owner_employee_id)
            if to is not None and escalation.to == "supervisors_supervisor":
                to = self.staff.supervisor(to.employee_id) or to
            if to is None:
                return []
            command_id = stable_id("escalated", str(order.order_id), name)
            details: Mapping[str, Any] = {"when": escalation.when, "since": order.since.isoformat()}
            return [
                Event(
                    order.order_id,
                    "escalated",
                    self.now,
                    SHOPKEEPER,
                    command_id,
                    employee_id=to.employee_id,
                    reason=name,
                    details=details,
                )
            ]

        latest = self.now - timedelta(hours=escalation.after_hours)
        return self.through(_OVERDUE, step, name=name, when=escalation.when, latest=latest)

    def _later(self, hours: int) -> datetime:
        return add_hours(self.folder.closed_loop.calendar, self.folder.company.zone, self.now, hours)


def _to(owner: Owner | None) -> dict[str, Any]:
    return {} if owner is None else vars(owner)
