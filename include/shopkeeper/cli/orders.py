"""Work orders: `orders list`, `show`, `check`. Ids and codes alone; names and words are on the desk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape

from shopkeeper.cli.app import app, now, out, print_table, short, warehouse
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.closed_loop.packet import Happened

orders = typer.Typer(no_args_is_help=True, help="Work orders: list, show, check.")
app.add_typer(orders, name="orders", rich_help_panel="Closed loop")


@orders.command("list")
def orders_list(
    owner: Annotated[str | None, typer.Option(help="Of this employee.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of this unit and all below.")] = None,
    customer: Annotated[str | None, typer.Option(help="Of this customer, closed ones too.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Those alone on which somebody should have acted by now.")] = False,
    limit: Annotated[int, typer.Option(help="How many, those due first at the head.")] = 50,
) -> None:
    """Open orders, or all of one customer: whose they are, how far, and when they are due."""
    from shopkeeper.closed_loop.listing import list_orders
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = list_orders(engine(), owner=owner, unit=unit, customer_id=customer, overdue_at=now() if overdue else None, limit=limit)
    rows = [
        [
            *(str(one.order_id), one.customer_id, one.rule, one.state if one.close_reason is None else f"{one.state}: {one.close_reason}"),
            *(one.owner_employee_id or "", one.unit_path or "", str(one.attempts), short(one.due_at), short(one.close_due_at)),
        ]
        for one in found
    ]
    heads = ["order", "customer", "rule", "state", "owner", "unit", ">calls", "due (UTC)", "to be closed by"]
    print_table(heads, rows, empty="there are none")


@orders.command("show")
def orders_show(order: Annotated[str, typer.Argument(metavar="ORDER", help="Its id, as `orders list` prints it.")]) -> None:
    """One order: why it is there, what has happened, and what comes next."""
    from shopkeeper.closed_loop.packet import packet
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().connect() as connection:
        shown = packet(connection, _order_id(order), now())
    one = shown.order
    out.print(f"[bold]{one.order_id}[/bold]  customer {escape(one.customer_id)}, {one.state}, opened {short(one.opened_at)} UTC")
    out.print(f"owner {escape(one.owner_employee_id or 'nobody')}, unit {escape(one.unit_path or 'none')}")
    if one.due_at is not None:
        out.print(f"next due {short(one.due_at)}, to be closed by {short(one.close_due_at)} UTC")
    if shown.value is not None and shown.value.lifetime_value_expected is not None:
        out.print(f"value at stake {shown.value.lifetime_value_expected:,.2f}, spent {one.cost:,.2f}")
    noticed = [[short(signal.occurred_at), signal.rule, "" if signal.score is None else str(signal.score)] for signal in shown.signals]
    print_table(["at (UTC)", "rule", ">score"], noticed, title="Why", empty="no signal is kept")
    print_table(
        ["at (UTC)", "event", "by", "what"],
        [[short(event.occurred_at), event.event, event.actor, _told(event)] for event in shown.history],
        title="What happened",
    )


def _told(event: Happened) -> str:
    parts = (
        event.employee_id and f"to {event.employee_id}",
        None if event.reached is None else "reached" if event.reached else "not reached",
        event.reason,
        event.action,
        None if event.amount is None else f"{event.amount:,.2f}",
        event.impact,
        event.due_at and f"due {short(event.due_at)}",
    )
    return ", ".join(part for part in parts if part)


@orders.command("check")
def orders_check(
    mend: Annotated[bool, typer.Option("--mend", help="Make what follows from the events anew.")] = False,
) -> None:
    """Whether every order says what its events say; exits with 1 where one does not, which means that a hand wrote into the tables."""
    from shopkeeper.closed_loop import events
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        if mend:
            out.print(f"{events.rebuild(engine()):,} orders were changed")
            return
        with engine().connect() as connection:
            wrong = events.contradictions(connection)
    for order_id in wrong:
        out.print(f"[red]contradicts its events[/red] {order_id}")
    out.print("every order says what its events say" if not wrong else "./shopkeeper orders check --mend makes them anew")
    sys.exit(1 if wrong else 0)


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise fail(f"work order {text}", "is no order's id", "./shopkeeper orders list shows them") from None
