"""Loops that are still open: work orders as they are now, not as the last publication knew them, for a morning's work cannot wait."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

LISTED = 5


@dataclass(frozen=True)
class Open:
    """An open order of one employee. `due_at` is when something is to be done next."""

    order_id: UUID
    rule: str
    opened_at: datetime
    due_at: datetime | None
    is_overdue: bool


@dataclass(frozen=True)
class Loops:
    """How many orders are open and overdue, and of one employee's the most urgent ones."""

    open: int = 0
    overdue: int = 0
    listed: tuple[Open, ...] = ()


def of_employees(connection: sa.Connection, *, now: datetime) -> dict[str, Loops]:
    """Employee → the open orders that he or she owns."""
    query = """
        select
            owner_employee_id, order_id, rule, opened_at, due_at, coalesce(due_at < :now, false) as is_overdue,
            count(*) over (partition by owner_employee_id) as open,
            count(*) filter (where due_at < :now) over (partition by owner_employee_id) as overdue,
            row_number() over (partition by owner_employee_id order by due_at nulls last, opened_at, order_id) as urgency
        from ops.work_orders
        where state = 'open' and owner_employee_id is not null
    """
    listed: dict[str, list[Open]] = defaultdict(list)
    counts: dict[str, tuple[int, int]] = {}
    ranked = f"select * from ({query}) as orders where urgency <= {LISTED:d} order by owner_employee_id, urgency"
    for row in connection.execute(sa.text(ranked), {"now": now}):
        counts[row.owner_employee_id] = (row.open, row.overdue)
        listed[row.owner_employee_id].append(Open(row.order_id, row.rule, row.opened_at, row.due_at, row.is_overdue))
    return {employee: Loops(*counts[employee], tuple(orders)) for employee, orders in listed.items()}


def of_units(connection: sa.Connection, *, now: datetime) -> dict[str, Loops]:
    """Unit → the open orders of it and all below."""
    query = """
        select units.unit_id, count(*) as open, count(*) filter (where due_at < :now) as overdue
        from ops.work_orders
        cross join lateral unnest(string_to_array(trim(both '/' from unit_path), '/')) as units (unit_id)
        where state = 'open' and unit_path is not null
        group by units.unit_id
    """
    return {row.unit_id: Loops(row.open, row.overdue) for row in connection.execute(sa.text(query), {"now": now})}
