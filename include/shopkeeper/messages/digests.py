"""One digest in place of a flood: when more messages than `digest_above` are due at once for one person, or one chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.messages import outbox
from shopkeeper.messages.claims import MAY_GO
from shopkeeper.messages.letters import DIGESTIBLE, Letters, Listed, Reader

_OF_FLOOD = f"{MAY_GO} and messages.kind in {DIGESTIBLE!r}"

_FLOODED = f"""
    select messages.employee_id, messages.target, directory.locale
    from ops.message_queue as queue
    inner join ops.messages using (message_id)
    left join ops.directory using (employee_id)
    where {_OF_FLOOD}
    group by messages.employee_id, messages.target, directory.locale
    having count(*) > :above
    order by messages.employee_id, messages.target
"""

_TAKE = f"""
    select
        messages.message_id, messages.kind, texts.title, texts.excerpt, messages.about_order_id as order_id,
        messages.about_response_key as response_key, messages.is_urgent
    from ops.message_queue as queue
    inner join ops.messages using (message_id)
    inner join pii.message_texts as texts using (message_id)
    where {_OF_FLOOD}
        and messages.employee_id is not distinct from :employee_id and messages.target is not distinct from :target
    order by messages.is_urgent desc, messages.due_at, messages.message_id
    for update of queue skip locked
"""

_MARK = """
    with taken as (delete from ops.message_queue where message_id = any(:ids) returning message_id),
    told as (insert into ops.message_events (message_id, event, occurred_at) select message_id, 'digested', :now from taken)
    update ops.messages set digest_id = :digest_id from taken where messages.message_id = taken.message_id
"""


@dataclass(frozen=True)
class Made:
    """`digests` stand for `digested` messages."""

    digests: int
    digested: int


def make(engine: sa.Engine, folder: CompanyFolder, *, urgent_only: bool, now: datetime) -> Made:
    """Put a digest into the queue for everyone who is flooded, and take out what it lists, in one transaction each."""
    above = folder.closed_loop.digest_above
    given: dict[str, Any] = {"urgent_only": urgent_only, "now": now}
    with engine.connect() as connection:
        flooded = connection.execute(sa.text(_FLOODED), {**given, "above": above}).all()
    digests: int = 0
    digested: int = 0
    if not flooded:
        return Made(digests, digested)
    letters = Letters(folder)
    for one in flooded:
        with engine.begin() as connection:
            taken = connection.execute(sa.text(_TAKE), {**given, "employee_id": one.employee_id, "target": one.target}).all()
            if len(taken) <= above:  # another run was quicker
                continue
            listed = [Listed(row.kind, row.title, row.excerpt, row.order_id, row.response_key) for row in taken]
            digest = letters.digest(
                Reader(one.employee_id, one.locale) if one.employee_id else None,
                listed,
                target=one.target,
                identity=f"digest|{taken[0].message_id}",  # a message is digested once
                due_at=now,
                is_urgent=any(row.is_urgent for row in taken),
            )
            outbox.post(connection, [digest], now=now)
            ids = [row.message_id for row in taken]
            connection.execute(sa.text(_MARK), {"ids": ids, "digest_id": digest.message_id, "now": now})
            digests, digested = digests + 1, digested + len(taken)
    return Made(digests, digested)
