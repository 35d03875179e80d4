"""Pages about work orders: mine, my team's, what is overdue or closed, search, and one order with everything that a caller needs.

What is done with an order is in `acts`; who sees which is row-level security's to say. An order that is not seen is not there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.closed_loop import orders as work
from shopkeeper.closed_loop.packet import packet
from shopkeeper.web.desk import acts, fields, queries
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused

# What a person may choose; the rest is for the closed loop and the CRM.
ASSIGN_REASONS = ("handover", "workload", "knows_customer", "absent", "left", "other")


def routes(desk: Desk) -> list[Route]:
    at = "/desk/orders/{order_id}"
    return [
        desk.show("/desk", mine),
        desk.show("/desk/team", team, leaders=True),
        desk.show("/desk/overdue", overdue),
        desk.show("/desk/closed", closed),
        desk.show("/desk/search", search),
        desk.show(at, order),
        *(desk.act(f"{at}/{name}", act, shows=order, leaders=name in acts.LEADERS) for name, act in acts.ACTS.items()),
    ]


def mine(visit: Visit) -> Response:
    return _list(visit, "mine", "orders.state = 'open' and owner_employee_id = :me")


def team(visit: Visit) -> Response:
    return _list(visit, "team", "orders.state = 'open' and owner_employee_id is distinct from :me", is_team=True)


def overdue(visit: Visit) -> Response:
    return _list(visit, "overdue", "orders.state = 'open' and coalesce(due_at, close_due_at) < :now", is_team=visit.me.leads)


def closed(visit: Visit) -> Response:
    which = "orders.state = 'closed' and closed_at > cast(:now as timestamptz) - interval '90 days'"
    return _list(visit, "closed", which, is_team=visit.me.leads, newest_first=True)


def _list(visit: Visit, name: str, which: str, *, is_team: bool = False, newest_first: bool = False) -> Response:
    found = queries.orders(visit.connection, which, _given(visit), newest_first=newest_first)
    return visit.page("orders", name=name, orders=found, is_team=is_team, is_cut=len(found) == queries.LISTED)


def search(visit: Visit) -> Response:
    asked = visit.request.query_params.get("q", "").strip()[:100]
    found = queries.search(visit.connection, asked, _given(visit)) if asked else []
    return visit.page("search", asked=asked, orders=found, is_team=visit.me.leads, is_cut=len(found) == queries.LISTED)


def order(visit: Visit) -> Response:
    order_id = fields.key_of(visit, "order_id")
    if not visit.connection.scalar(sa.text("select exists (select from ops.work_orders where order_id = :id)"), {"id": order_id}):
        raise Refused("not_found")
    found = packet(visit.connection, order_id, visit.now)
    asked = next((event for event in reversed(found.history) if event.event == "approval_asked"), None)
    people = queries.people(visit.connection, visit.now.astimezone(visit.folder.company.zone).date()) if visit.me.leads else []
    return visit.page(
        "order",
        packet=found,
        order=found.order,
        customer=found.customer,
        asked=asked if found.order.awaits_approval else None,
        people=people,
        limit=visit.folder.closed_loop.cycle.approval_above,
        last_attempt=found.order.attempts + 1 >= visit.folder.closed_loop.cycle.attempts,
        actions=work.ACTIONS,
        impacts=work.IMPACTS,
        assign_reasons=ASSIGN_REASONS,
        reopen_reasons=work.REOPEN_REASONS,
        longest=fields.LONGEST,
    )


def _given(visit: Visit) -> dict[str, Any]:
    return {"me": visit.me.employee_id, "now": visit.now}
