"""What providers told by webhook, or an IVR in files: kept in `pii.provider_messages` until it is an answer or in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.providers.ivr import HANG_UP, Ivr, call_back_rule

AT_ONCE = 5000


@dataclass(frozen=True)
class Kept:
    """One message that is not settled yet."""

    message_id: int
    payload: Any


def take_files(engine: sa.Engine, folder: CompanyFolder, provider: Ivr) -> int:
    """Take the rows of an IVR's files as messages; returns how many were new. A hang-up is answered as a webhook's would be:
    one that is older than the time for a call-back is late, and that is written down."""
    new = 0
    rule: str | None = None
    with engine.connect() as connection:
        known = set(
            connection.scalars(sa.text("select native_id from pii.provider_messages where provider = :name"), {"name": provider.name})
        )
        for message_id, payload in provider.messages():
            if message_id in known:
                continue
            known.add(message_id)
            new += 1
            given = {"provider": provider.name, "id": message_id, "told": json.dumps(payload)}
            if payload["type"] == HANG_UP:
                rule = rule or json.dumps(call_back_rule(folder.programmes, provider.name))
                statement = "select ops.answer_hang_up(:provider, :id, cast(:told as jsonb), cast(:rule as jsonb))"
                connection.execute(sa.text(statement), {**given, "rule": rule})
            else:
                connection.execute(sa.text("select ops.receive_message(:provider, :id, cast(:told as jsonb))"), given)
            connection.commit()
    return new


def waiting(engine: sa.Engine, provider: str, after: int = 0) -> list[Kept]:
    """Messages that are not settled, in the order in which they came, some thousand at a time.

    One whose batch failed or was withdrawn is not settled any more: its answer is landed again, as a window is read again.
    """
    query = """
        select message_id, payload from pii.provider_messages
        where provider = :provider and message_id > :after and (
            settled_at is null
            or batch_id in (select batch_id from ops.batches where source = :provider and status in ('failed', 'withdrawn'))
        )
        order by message_id limit :most
    """
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query), {"provider": provider, "after": after, "most": AT_ONCE})
        return [Kept(row.message_id, row.payload) for row in rows]


def settle(connection: sa.Connection, message_ids: Iterable[int], now: datetime, batch_id: int | None = None) -> None:
    """They are an answer of that batch, or in the ledger, or nothing at all; inside the caller's transaction."""
    connection.execute(
        sa.text(
            """
            update pii.provider_messages set settled_at = :now, batch_id = coalesce(:batch_id, batch_id)
            where message_id = any(:ids)
            """
        ),
        {"ids": list(message_ids), "now": now, "batch_id": batch_id},
    )


def replies(connection: sa.Connection, provider: str, calls: Sequence[str]) -> dict[str, str]:
    """Call → what its hang-up was answered; `call_back` before anything else that was said of it."""
    query = """
        select distinct on (call_id) call_id, reply from pii.provider_messages
        where provider = :provider and call_id = any(:calls) and reply is not null
        order by call_id, reply <> 'call_back', message_id
    """
    return dict(connection.execute(sa.text(query), {"provider": provider, "calls": list(calls)}).tuples().all())
