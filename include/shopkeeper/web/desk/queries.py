"""What pages of the desk list. Every query runs under row-level security: none of them says who may see what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from shopkeeper.survey.current import newest
from shopkeeper.survey.packet import NOW_KNOWN

LISTED = 200

Row = sa.RowMapping

_LIST = f"""
    with shown as (
        select orders.*, signals.kind, signals.score, signals.programme
        from ops.work_orders as orders
        left join ops.signals using (signal_id)
        where {{which}}
        order by {{order}}
        limit {LISTED}
    ),
    customers as ({newest("customers", pii=("full_name",), among="select customer_id from shown")})
    select
        shown.order_id, shown.customer_id, customers.full_name, shown.rule, shown.kind, shown.score, shown.opened_at, shown.due_at,
        shown.close_due_at, shown.state, shown.close_reason, shown.closed_at, shown.owner_employee_id, shown.org_unit_id,
        shown.call_wanted, shown.attempts, shown.reached_at, shown.awaits_approval,
        shown.state = 'open' and coalesce(shown.due_at, shown.close_due_at) < :now as is_overdue
    from shown
    left join customers using (customer_id)
    order by {{order}}
"""
_DUE_FIRST = "awaits_approval desc, due_at nulls last, order_id"
_NEWEST_FIRST = "opened_at desc, order_id"


def orders(connection: sa.Connection, which: str, given: Mapping[str, Any], *, newest_first: bool = False) -> Sequence[Row]:
    """Orders that the reader may see and for which the SQL `which` is true; `now` must be given."""
    query = _LIST.format(which=which, order=_NEWEST_FIRST if newest_first else _DUE_FIRST)
    return connection.execute(sa.text(query), {**given, "known_at": NOW_KNOWN}).mappings().all()


def search(connection: sa.Connection, asked: str, given: Mapping[str, Any]) -> Sequence[Row]:
    """By the customer's id, a part of the name, or the beginning of the order's id; open ones and closed ones."""
    like = asked.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    named = newest("customers", pii=("full_name",), among="select customer_id from ops.work_orders")
    which = f"""
        lower(orders.customer_id) = lower(:asked)
        or starts_with(cast(orders.order_id as text), lower(:asked)) and length(:asked) >= 8
        or orders.customer_id in (select customer_id from ({named}) as named where full_name ilike :like)
    """
    return orders(connection, which, {**given, "asked": asked, "like": f"%{like}%"}, newest_first=True)


# Whom a leader may give work to: everybody in the units that he or she leads, with what each has to do already.
_PEOPLE = """
    select
        directory.employee_id, directory.role, directory.org_unit_id,
        count(orders.order_id) as open_orders,
        exists (
            select from ops.absences
            where absences.employee_id = directory.employee_id and withdrawn_at is null and :today between from_on and to_on
        ) as is_absent
    from ops.directory
    left join ops.work_orders as orders on orders.owner_employee_id = directory.employee_id and orders.state = 'open'
    where directory.is_here
        and (directory.employee_id = ops.current_employee() or starts_with(directory.unit_path, (select ops.led_unit())))
    group by directory.employee_id
    order by directory.org_unit_id, directory.employee_id
"""


def people(connection: sa.Connection, today: date) -> Sequence[Row]:
    return connection.execute(sa.text(_PEOPLE).bindparams(sa.bindparam("today", type_=sa.Date)), {"today": today}).mappings().all()


_ABSENCES = """
    select absence_id, employee_id, from_on, to_on
    from ops.absences where withdrawn_at is null and to_on >= :today order by from_on, employee_id
"""


def absences(connection: sa.Connection, today: date) -> Sequence[Row]:
    """Those of today and later."""
    return connection.execute(sa.text(_ABSENCES).bindparams(sa.bindparam("today", type_=sa.Date)), {"today": today}).mappings().all()
