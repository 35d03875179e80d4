"""What the CRM says of our tasks: followed where it is news, reported where it differs.

Of two words about the same thing the later one stands, ours or the CRM's. Our own fields of a task are ours alone: one that the CRM
has lost or altered is sent once more, and stays a difference until it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop import orders
from shopkeeper.closed_loop.crm import contacts, pauses
from shopkeeper.closed_loop.crm.adapter import ComeBackLater, Task, connect
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.ids import stable_id

CLOSED_SINCE = timedelta(days=30)
ASKED_AT_ONCE = 500

Note = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """An order as it is, when state and owner were last decided, and whether an entry about it still waits to be sent."""

    order_id: UUID
    state: str
    owner_employee_id: str | None
    state_at: datetime
    owner_at: datetime
    is_waiting: bool


def reconcile(engine: sa.Engine, folder: CompanyFolder, *, now: datetime, note: Note = lambda text: None) -> dict[str, Any]:
    """Record the CRM's call-backs, follow its words, note differences; returns counts: attempts, followed, differences.

    Raises ShopkeeperError when the CRM cannot be asked; call-backs are recorded all the same.
    """
    recorded = contacts.record(engine, folder, now)
    found: dict[str, tuple[Task | None, str | None]] = {}
    followed, is_whole = 0, True
    settings = folder.closed_loop.crm
    if until := pauses.until(engine, now=now):
        is_whole = False
        note(pauses.told(until))
    elif settings is not None:
        with closing(connect(settings)) as crm:
            try:
                for external_ids in _to_ask(engine, now):
                    tasks = {task.external_id: task for task in crm.tasks(external_ids)}
                    for order in _orders(engine, external_ids):
                        task = tasks.get(str(order.order_id))
                        follows, difference = _follow(engine, order, task, now)
                        followed += follows
                        found[str(order.order_id)] = (task, difference or (None if follows or order.is_waiting else _ours(order, task)))
            except ComeBackLater as asked:
                is_whole = False
                pauses.keep(engine, asked, now=now)
                note("the CRM asks for a pause: some tasks were not compared")
    for external_id, problem in recorded.left.items():
        task, difference = found.get(external_id, (None, None))
        found[external_id] = (task, "; ".join(filter(None, (difference, problem))))
    differences = _keep(engine, found, now, is_whole=is_whole)
    note(f"{differences} tasks differ")
    return {"attempts": recorded.attempts, "followed": followed, "differences": differences}


_TO_ASK = """
    select cast(order_id as text) from ops.work_orders
    where (
        state = 'open' or closed_at > :since
        or cast(order_id as text) in (select external_id from ops.crm_tasks where difference is not null)
    ) and exists (
        select from ops.crm_outbox
        where external_id = cast(order_id as text) and kind = 'task' and done_at is not null and skipped_for is null
    )
    order by order_id
"""


def _to_ask(engine: sa.Engine, now: datetime) -> Iterator[list[str]]:
    """Tasks that the CRM has confirmed: of open orders, of those closed of late, and of those that differed when last asked."""
    with engine.connect() as connection:
        every = list(connection.scalars(sa.text(_TO_ASK), {"since": now - CLOSED_SINCE}))
    yield from (every[first : first + ASKED_AT_ONCE] for first in range(0, len(every), ASKED_AT_ONCE))


_ORDERS = """
    select
        orders.order_id, orders.state, orders.owner_employee_id,
        max(events.occurred_at) filter (where events.event in ('opened', 'closed', 'reopened')) as state_at,
        max(events.occurred_at) filter (where events.event in ('opened', 'assigned')) as owner_at,
        exists (
            select from ops.crm_outbox as entries where entries.external_id = cast(orders.order_id as text) and done_at is null
        ) as is_waiting
    from ops.work_orders as orders
    inner join ops.work_order_events as events on orders.order_id = events.order_id
    where orders.order_id = any(cast(:external_ids as uuid[]))
    group by orders.order_id
"""


def _orders(engine: sa.Engine, external_ids: list[str]) -> list[Order]:
    """Read after the CRM was asked: what has changed since waits in the outbox and is not compared."""
    with engine.connect() as connection:
        return [Order(**row) for row in connection.execute(sa.text(_ORDERS), {"external_ids": external_ids}).mappings()]


def _follow(engine: sa.Engine, order: Order, task: Task | None, now: datetime) -> tuple[int, str | None]:
    """Do what was decided in the CRM; returns how many of its words were followed, and why another was not."""
    if task is None:
        return 0, None
    is_other_owner = task.crm_owner_employee_id not in (None, order.owner_employee_id) and order.state == "open"
    is_other_state = task.crm_state in ("open", "closed") and task.crm_state != order.state
    if not (is_other_owner or is_other_state):
        return 0, None
    moment = task.crm_changed_at
    if moment is None:
        return 0, "the CRM has changed it and does not say when"
    words: list[tuple[str, Callable[..., None], dict[str, str]]] = []
    problems = []
    if is_other_owner and moment > order.owner_at:
        words.append((f"given to {task.crm_owner_employee_id}", orders.assign, {"to": str(task.crm_owner_employee_id), "reason": "other"}))
    if is_other_state and moment > order.state_at and task.crm_state == "closed":
        reason = task.crm_close_reason or "resolved"
        words.append((f"closed as {reason}", orders.close, {"reason": reason}))
    elif is_other_state and moment > order.state_at:
        problems.append("opened again in the CRM: reopen the order on the desk, or close the task there")
    followed = 0
    for what, function, given in words:
        command_id = stable_id("crm", what, str(order.order_id), moment.isoformat())
        try:
            with engine.begin() as connection:
                function(connection, order.order_id, command_id=command_id, actor=orders.CRM, at=now, **given)
            followed += 1
        except ShopkeeperError as error:
            problems.append(f"{what} in the CRM: {error.problems[0].what}")
    return followed, "; ".join(problems) or None


def _ours(order: Order, task: Task | None) -> str | None:
    """What the CRM has made of the fields that are ours."""
    if task is None:
        return "the CRM has it no more"
    theirs, ours = (task.state, task.owner_employee_id or None), (order.state, order.owner_employee_id)
    if theirs == ours:
        return None
    return f"its task says {theirs[0]} and {theirs[1] or 'nobody'}, the order {ours[0]} and {ours[1] or 'nobody'}"


_KEEP = """
    insert into ops.crm_tasks (external_id, crm_id, state, owner_employee_id, seen_at, difference)
    values (:external_id, :crm_id, :state, :owner_employee_id, :seen_at, :difference)
    on conflict (external_id) do update set
        crm_id = excluded.crm_id, state = excluded.state, owner_employee_id = excluded.owner_employee_id,
        seen_at = excluded.seen_at, difference = excluded.difference
"""
# The newest entry goes out anew where a difference is news.
_AGAIN = """
    update ops.crm_outbox set done_at = null, due_at = :now
    where entry_id in (
        select max(entry_id) from ops.crm_outbox where kind = 'task' and external_id = any(:external_ids) group by external_id
    )
"""


def _keep(engine: sa.Engine, found: Mapping[str, tuple[Task | None, str | None]], now: datetime, *, is_whole: bool) -> int:
    """Write down what was found; where that is the whole, nothing else differs any more. Returns how many differ."""
    rows = [
        {
            "external_id": external_id,
            "crm_id": task and task.crm_id,
            "state": task and (task.crm_state or task.state),
            "owner_employee_id": task and (task.crm_owner_employee_id or task.owner_employee_id),
            "seen_at": now,
            "difference": difference,
        }
        for external_id, (task, difference) in sorted(found.items())
    ]
    differing = [row["external_id"] for row in rows if row["difference"]]
    with engine.begin() as connection:
        before = set(connection.scalars(sa.text("select external_id from ops.crm_tasks where difference is not null")))
        connection.execute(sa.text(_AGAIN), {"now": now, "external_ids": [each for each in differing if each not in before]})
        if is_whole and (gone := sorted(before - set(found))):
            connection.execute(sa.text("update ops.crm_tasks set difference = null where external_id = any(:gone)"), {"gone": gone})
        if rows:
            connection.execute(sa.text(_KEEP), rows)
    return len(differing)
