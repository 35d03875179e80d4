"""What the CRM is to be told, written down in the transaction of what it tells about.

Each entry holds all that its record is to hold, so that the newest stands for all before it. Without a CRM in closed_loop.yml
entries wait for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

Kind = Literal["task", "customer"]

# The newest entry of a record; what it says already is not said again.
_NEWEST = """
    left join lateral (
        select content from ops.crm_outbox as said
        where said.external_id = new.external_id and said.kind = new.kind
        order by entry_id desc limit 1
    ) as newest on true
"""
_PUT = f"""
    insert into ops.crm_outbox (kind, external_id, customer_id, order_id, content, made_at, due_at)
    select kind, external_id, customer_id, order_id, new.content, :now, :now
    from ({{new}}) as new
    {_NEWEST}
    where newest.content is distinct from new.content
"""

_ONE = """
    select
        cast(:kind as text) as kind, cast(:external_id as text) as external_id, cast(:customer_id as text) as customer_id,
        cast(:order_id as uuid) as order_id, cast(:content as jsonb) as content
"""


def put(
    connection: sa.Connection,
    kind: Kind,
    external_id: str,
    *,
    customer_id: str,
    content: Mapping[str, Any],
    order_id: UUID | None,
    now: datetime,
) -> bool:
    """Write down what the record is to hold; False where that was said last already. Content never holds a person's words."""
    given = {
        "kind": kind,
        "external_id": external_id,
        "customer_id": customer_id,
        "order_id": order_id,
        "content": json.dumps(dict(content)),
        "now": now,
    }
    return bool(connection.execute(sa.text(_PUT.format(new=_ONE)), given).rowcount)


_TASKS = """
    select
        'task' as kind, cast(order_id as text) as external_id, customer_id, order_id,
        jsonb_build_object(
            'customer_id', customer_id,
            'interaction_id', interaction_id,
            'reason', rule,
            'state', state,
            'close_reason', close_reason,
            'owner_employee_id', owner_employee_id,
            'org_unit_id', org_unit_id,
            'is_call_wanted', call_wanted,
            'attempts', attempts,
            'opened_at', opened_at,
            'due_at', due_at,
            'close_due_at', close_due_at,
            'reached_at', reached_at,
            'closed_at', closed_at
        ) as content
    from ops.work_orders
    where order_id = any(:order_ids)
"""


def put_tasks(connection: sa.Connection, order_ids: Iterable[UUID], now: datetime) -> int:
    """Write down the tasks of these orders as the orders stand now; returns how many say something new."""
    return connection.execute(sa.text(_PUT.format(new=_TASKS)), {"order_ids": list(order_ids), "now": now}).rowcount


@dataclass(frozen=True)
class Score:
    """An answer, for the customer's record: the score on its scale, and where its words are (`response_key`, an order)."""

    customer_id: str
    response_key: UUID
    score: int
    scale: str
    band: str | None
    programme: str
    answered_at: datetime
    order_id: UUID | None = None


_SCORES = """
    select distinct on (customer_id)
        'customer' as kind, customer_id as external_id, customer_id, order_id,
        jsonb_build_object(
            'score', score, 'scale', scale, 'band', band, 'programme', programme, 'answered_at', answered_at, 'response_key', response_key
        ) as content,
        answered_at
    from jsonb_to_recordset(cast(:scores as jsonb)) as given (
        customer_id text, response_key uuid, score integer, scale text, band text, programme text, answered_at timestamptz, order_id uuid
    )
    order by customer_id, answered_at desc, response_key
"""


def put_scores(connection: sa.Connection, scores: Iterable[Score], now: datetime) -> int:
    """Write down the newest answer of each customer; one that came in late, after a newer one, changes nothing."""
    given = json.dumps([asdict(score) for score in scores], default=str)
    newer = f"{_PUT.format(new=_SCORES)} and coalesce(cast(newest.content ->> 'answered_at' as timestamptz) <= new.answered_at, true)"
    return connection.execute(sa.text(newer), {"scores": given, "now": now}).rowcount
