"""The sample company's people at their call-backs: most who are due are called, and something is done for those who are reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from shopkeeper.closed_loop import orders
from shopkeeper.company.config import CompanyFolder
from shopkeeper.demo.config import SimulationConfig
from shopkeeper.warehouse.ids import stable_id

REACHED_SHARE, FORGOTTEN_SHARE = 0.6, 0.15
# What is done for a customer, and how often. A voucher costs 10 to 40.
REMEDIES, SHARES = ("explanation", "apology", "correction", "voucher"), (0.4, 0.25, 0.2, 0.15)
LEARNED = (
    "Nobody had said how long it would take.",
    "The letter could not be understood.",
    "The documents had to be sent twice.",
    "The premium had gone up without a word.",
    "A call back had been promised and was forgotten.",
)
EARLY = timedelta(minutes=20)  # before a call is due

_DUE = """
    select order_id, owner_employee_id, call_wanted, attempts, due_at
    from ops.work_orders
    where state = 'open' and due_at <= :until and owner_employee_id is not null and order_id <> :but
    order by due_at, order_id
"""


def call(engine: sa.Engine, company: CompanyFolder, config: SimulationConfig, *, until: datetime, but: UUID) -> None:
    """Work on the orders that are due by then, `but` one; again where the customer was not reached and that is due by then too.

    Some are forgotten: their supervisors will hear of them.
    """
    while True:
        with engine.begin() as connection:
            due = connection.execute(sa.text(_DUE), {"until": until, "but": but}).all()
            worked_on = [order for order in due if config.stream("forgotten", _number(order)).random() >= FORGOTTEN_SHARE]
            for order in worked_on:
                _work_on(connection, company, config, order)
        if not worked_on:
            return


def _number(order: sa.Row[Any]) -> int:
    return int(order.order_id.int % 2**31)


def _work_on(connection: sa.Connection, company: CompanyFolder, config: SimulationConfig, order: sa.Row[Any]) -> None:
    random = config.stream(f"call {order.attempts + 1} back", _number(order))
    asked: dict[str, Any] = {
        "command_id": stable_id("colleague", str(order.order_id), order.due_at.isoformat()),
        "actor": order.owner_employee_id,
        "at": order.due_at - EARLY,
    }
    if not order.call_wanted:
        orders.close(connection, order.order_id, reason="no_call_wanted", **asked)
        return
    is_reached = bool(random.random() < REACHED_SHARE)
    remedy = str(random.choice(np.array(REMEDIES), p=SHARES))
    cost = Decimal(int(random.integers(10, 41))) if remedy == "voucher" else None
    learned = LEARNED[int(random.integers(0, len(LEARNED)))]
    impact = str(random.choice(np.array(["saved", "better", "none"]), p=[0.2, 0.6, 0.2]))
    done: dict[str, Any] = {"learned": learned, "action": remedy, "impact": impact, "amount": cost, "closes": True}
    orders.attempt(connection, order.order_id, folder=company, reached=is_reached, **(done if is_reached else {}), **asked)
