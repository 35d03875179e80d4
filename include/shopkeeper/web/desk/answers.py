"""What my customers said, good and bad, in their own words; and a thank-you for what was good, logged.

An answer is here once its employee was told of it, which is minutes after it was given.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.errors import fail
from shopkeeper.web.desk import fields
from shopkeeper.web.desk.layout import Desk, Visit
from shopkeeper.web.pages import Refused

SHOWN_FOR, LISTED = timedelta(days=90), 200
WAYS = ("call", "email", "card", "in_person")

_ANSWERS = f"""
    select told.*, thanks.way as thanked_by, thanks.thanked_at, orders.order_id
    from ops.told_answers(:since, :key, :me) as told
    left join ops.thanks using (response_key, employee_id)
    left join lateral (
        select order_id from ops.work_orders
        where work_orders.customer_id = told.customer_id and (work_orders.response_key = told.response_key or state = 'open')
        order by (work_orders.response_key = told.response_key) is true desc, opened_at desc limit 1
    ) as orders on true
    order by told.answered_at desc, told.response_key
    limit {LISTED}
"""


def routes(desk: Desk) -> list[Route]:
    return [
        desk.show("/desk/answers", mine),
        desk.show("/desk/answers/team", team, leaders=True),
        desk.show("/desk/answers/{response_key}", answer),
        desk.act("/desk/answers/{response_key}", thank, shows=answer),
    ]


def mine(visit: Visit) -> Response:
    return visit.page("answers", answers=_told(visit, me=visit.me.employee_id), is_team=False)


def team(visit: Visit) -> Response:
    return visit.page("answers", answers=_told(visit), is_team=True)


def answer(visit: Visit) -> Response:
    """What one was told of need not be one's own: an alert goes to whoever is to call. Only one's own is talked about, or disputed."""
    found = _one(visit)
    is_mine = visit.connection.scalar(
        sa.text("select ops.is_answer_of(:key, :me, null)"), {"key": str(found["response_key"]), "me": visit.me.employee_id}
    )
    return visit.page("answer", answer=found, ways=WAYS, is_mine=is_mine)


def thank(visit: Visit) -> Response:
    """Whose answer it is thanks for it; once, however often it is sent."""
    found, way = _one(visit), visit.form.get("way", "")
    if found["employee_id"] != visit.me.employee_id:
        raise Refused("not_allowed")
    if way not in WAYS:
        raise fail("thanks", "it is not said how you thanked", "choose one")
    visit.connection.execute(
        sa.text(
            "insert into ops.thanks (response_key, employee_id, way, thanked_at) values (:key, :me, :way, :now)"
            " on conflict (response_key, employee_id) do nothing"
        ),
        {"key": found["response_key"], "me": visit.me.employee_id, "way": way, "now": visit.now},
    )
    return visit.to(f"answers/{found['response_key']}", "thanked")


def _told(visit: Visit, *, me: str | None = None, key: str | None = None) -> list[dict[str, Any]]:
    given = {"since": visit.now - SHOWN_FOR, "me": me, "key": key}
    return [dict(row) for row in visit.connection.execute(sa.text(_ANSWERS), given).mappings()]


def _one(visit: Visit) -> dict[str, Any]:
    """One's own first: of an answer that two were told of, each thanks for himself."""
    found = _told(visit, key=str(fields.key_of(visit, "response_key")))
    if not found:
        raise Refused("not_found")
    return next((one for one in found if one["employee_id"] == visit.me.employee_id), found[0])
