"""A process that closes the loop as the DAG does, and works on the orders as people do, for tests that kill it."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path


def close_loop(settings: dict[str, str], company: Path, now: datetime) -> None:
    """Notice, keep time, tell; then every owner calls each customer: the first call misses, the second reaches."""
    os.environ |= settings
    import sqlalchemy as sa

    from shopkeeper.closed_loop import orders
    from shopkeeper.closed_loop.cycle import keep_time
    from shopkeeper.closed_loop.notice import notice
    from shopkeeper.company.load import load
    from shopkeeper.errors import ShopkeeperError
    from shopkeeper.messages import sending
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.ids import stable_id

    folder, warehouse = load(company), engine()
    notice(warehouse, folder, now=now)
    keep_time(warehouse, folder, now=now)
    with warehouse.connect() as connection:
        open_ones = connection.scalars(sa.text("select order_id from ops.work_orders where state = 'open' order by random()")).all()
    for order_id in open_ones:
        for number in (1, 2):
            with warehouse.begin() as connection:
                command_id = stable_id("test call", str(order_id), str(number))
                given = {"folder": folder, "command_id": command_id, "actor": "ANN", "at": now + timedelta(minutes=number)}
                try:
                    orders.attempt(connection, order_id, reached=number == 2, closes=number == 2, learned="why", **given)
                except ShopkeeperError as error:  # another of us has closed it meanwhile
                    if "is closed" not in str(error):
                        raise
    keep_time(warehouse, folder, now=now + timedelta(days=8))
    sending.send_due(warehouse, folder, clock=lambda: now + timedelta(days=8))
