"""What everything that is done with a work order has in common: the order's row is locked, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.calendar import add_hours
from shopkeeper.closed_loop.events import HELD_BACK, is_done
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError, fail

SHOPKEEPER, CRM = "shopkeeper", "crm"

# Codes, so that what people do can be counted; what they say about it goes into texts.
ACTIONS = ("apology", "explanation", "correction", "repair", "replacement", "refund", "voucher", "discount", "passed_on", "none", "other")
IMPACTS = ("saved", "better", "none", "worse")
CLOSE_REASONS = ("resolved", "not_reached", "not_pursued", "no_call_wanted", "merged")
ASSIGN_REASONS = ("handover", "workload", "knows_customer", "left", "absent", "moved", "released", "no_call_wanted", "found", "other")
REOPEN_REASONS = ("not_solved", "customer_called", "closed_by_mistake", "other")

CloseReason = Literal["resolved", "not_reached", "not_pursued", "no_call_wanted", "merged"]


def lock_customers(connection: sa.Connection, customer_ids: Iterable[str]) -> None:
    """Until the transaction ends nobody else opens an order of these customers. In one order, so that two never wait for each other."""
    query = """
        select pg_advisory_xact_lock(key)
        from (
            select distinct hashtextextended('shopkeeper.closed_loop.customer.' || customer_id, 0) as key
            from unnest(cast(:ids as text[])) as customers (customer_id)
            order by key
        ) as keys
    """
    connection.execute(sa.text(query), {"ids": list(customer_ids)})


def begin(connection: sa.Connection, order_id: UUID, command_id: UUID) -> sa.Row[Any] | None:
    """Lock the order; None where what is asked for was done already."""
    query = f"select *, {HELD_BACK} as is_held_back from ops.work_orders where order_id = :order_id for update"
    order = connection.execute(sa.text(query), {"order_id": order_id}).one_or_none()
    if order is None:
        raise refuse(order_id, "there is no such work order, or it is not yours to see", "./shopkeeper orders list shows them")
    if is_done(connection, command_id):
        return None
    return order


def must_be_open(order: sa.Row[Any]) -> None:
    if order.state != "open":
        raise refuse(order.order_id, f"is closed ({order.close_reason})", "reopen it first")
    if order.is_held_back:
        raise refuse(order.order_id, "is held back for a comparison", "it is released by itself when the delay is over")


def leads(connection: sa.Connection, order: sa.Row[Any], actor: str) -> bool:
    """Whether the actor supervises the order's unit, or one above it."""
    if actor == SHOPKEEPER:
        return True
    query = """
        select exists (
            select from ops.directory
            where employee_id = :actor and leads and is_here and starts_with(:unit_path, unit_path)
        )
    """
    return order.unit_path is not None and bool(connection.scalar(sa.text(query), {"actor": actor, "unit_path": order.unit_path}))


def later(folder: CompanyFolder, moment: datetime, hours: int) -> datetime:
    return add_hours(folder.closed_loop.calendar, folder.company.zone, moment, hours)


def money(amount: Decimal) -> Decimal:
    if not amount.is_finite() or amount <= 0 or amount != round(amount, 2):
        raise fail("amount", f"{amount} is no amount of money", "write a number above 0 with at most two decimals")
    return amount


def code(what: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    if value is not None and value not in allowed:
        raise fail(what, "is none of the codes", f"use one of {', '.join(allowed)}; words belong into the text")
    return value


def refuse(order_id: UUID, what: str, hint: str) -> ShopkeeperError:
    return fail(f"work order {order_id}", what, hint)
