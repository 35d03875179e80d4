"""What call-backs taught, in the words of whoever called, redacted before each build as verbatims are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopkeeper.privacy.names import People
from shopkeeper.privacy.redaction import METHOD
from shopkeeper.privacy.verbatims import redacted, staff_names
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.privacy_tables import REDACTED_LEARNED

CHUNK = 1_000

# A customer's name may become known after the call, so words are read again for as long as their order is open.
_TO_REDACT = """
    select
        texts.event_id, texts.learned,
        array(
            select distinct personal.full_name
            from (select distinct source from ops.batches where entity = 'customers') as sources
            inner join pii.customers as personal on personal._key = ops.stable_id('customers:' || sources.source, orders.customer_id)
            where personal.full_name is not null
        ) as own,
        array(
            select distinct served.employee_id from (
                values (orders.about_employee_id), (orders.owner_employee_id), (events.actor)
            ) as served (employee_id)
            where served.employee_id is not null
        ) as served
    from pii.work_order_texts as texts
    inner join ops.work_order_events as events on texts.event_id = events.event_id
    inner join ops.work_orders as orders on events.order_id = orders.order_id
    left join ops.redacted_learned as done on texts.event_id = done.event_id
    where texts.learned is not null and (done.event_id is null or done.method <> :method or orders.state = 'open')
    order by texts.event_id
"""


def redact_learned(engine: sa.Engine) -> dict[str, int]:
    """Redact what was learned and has not been redacted in the current way, and that of open orders again; in one transaction.

    Returns how many texts were read, and how many held something to replace. Raises ShopkeeperError when another run is at work.
    """
    read = replaced = 0
    with locks.exclusive(engine, locks.MARTS), engine.begin() as connection:
        named = staff_names(connection)
        staff = People.named(name for names in named.values() for name in names)
        for rows in connection.execute(sa.text(_TO_REDACT), {"method": METHOD}).partitions(CHUNK):
            done = [_row(row, named, staff) for row in rows]
            _keep(connection, done)
            read, replaced = read + len(done), replaced + sum(1 for one in done if one["replaced"])
    return {"learned": read, "learned_with_something_replaced": replaced}


def _row(row: sa.Row[Any], named: dict[str, tuple[str, ...]], staff: People) -> dict[str, Any]:
    text, count = redacted(row.learned, row.own, row.served, named, staff)
    return {"event_id": row.event_id, "learned": text, "replaced": count, "method": METHOD}


def _keep(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    statement = insert(REDACTED_LEARNED)
    new = {name: statement.excluded[name] for name in ("learned", "replaced", "method")}
    connection.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=new), rows)
