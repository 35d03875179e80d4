"""Work orders by owner, unit, customer and due time. On the desk row-level security says which are seen; here nothing does."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from shopkeeper.closed_loop.packet import Order

_LIST = f"""
    select {", ".join(Order.__dataclass_fields__)}
    from ops.work_orders
    where (state = 'open' or cast(:customer_id as text) is not null)
        and (cast(:customer_id as text) is null or customer_id = :customer_id)
        and (cast(:owner as text) is null or owner_employee_id = :owner)
        and (cast(:unit as text) is null or position('/' || :unit || '/' in unit_path) > 0)
        and (cast(:overdue_at as timestamptz) is null or due_at < :overdue_at)
    order by state desc, due_at nulls last, order_id
    limit :limit
"""


def list_orders(
    engine: sa.Engine,
    *,
    owner: str | None = None,
    unit: str | None = None,
    customer_id: str | None = None,
    overdue_at: datetime | None = None,
    limit: int | None = None,
) -> list[Order]:
    """Open orders, and with `customer_id` the closed ones of that customer too; those due first at the head.

    `unit` means all below it too; `overdue_at` those on which somebody should have acted by that moment.
    """
    given = {"owner": owner, "unit": unit, "customer_id": customer_id, "overdue_at": overdue_at, "limit": limit}
    with engine.connect() as connection:
        return [Order(**row) for row in connection.execute(sa.text(_LIST), given).mappings()]
