"""Customers, interactions and employees for tests: put into `raw` and `pii` as the loader would, in a batch that passed its gate."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.ids import SEPARATOR, stable_id
from shopkeeper.warehouse.tables import BATCHES, PII, RAW

_loads = itertools.count()


def put(
    engine: sa.Engine,
    entity: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    source: str = "crm",
    loaded_at: datetime | None = None,
    status: str = "passed",
    deleted: bool = False,
) -> int:
    """Write one batch of versions of an entity and return its id. Columns may be left out; those that are personal go to `pii`.

    `loaded_at` defaults to a minute later with each call, from 2020 on. `deleted`: the rows left a full snapshot.
    """
    declared, given = ENTITIES[entity], [dict(row) for row in rows]
    moment = loaded_at or datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=next(_loads))
    plain, personal = [c.name for c in declared.plain_columns], [c.name for c in declared.pii_columns]
    written, secret = [], []
    with engine.begin() as connection:
        batch_id: int = connection.execute(
            sa.insert(BATCHES)
            .values(
                entity=entity,
                source=source,
                kind="window",
                loaded_at=moment,
                rows_in=len(given),
                accepted=len(given),
                unchanged=0,
                rejected=0,
                status=status,
            )
            .returning(BATCHES.c.batch_id)
        ).scalar_one()
        for number, row in enumerate(given, 1):
            if unknown := set(row) - {*plain, *personal}:
                raise KeyError(f"{entity} has no {sorted(unknown)}")
            natural = SEPARATOR.join(str(row[key]) for key in declared.key if row.get(key) is not None)
            of_version = {"_key": stable_id(f"{entity}:{source}", natural), "_batch_id": batch_id, "_loaded_at": moment}
            written.append(
                {
                    **{column: row.get(column) for column in plain},
                    **of_version,
                    "_source": source,
                    "_row_number": number,
                    "_is_deleted": deleted,
                    "_row_hash": stable_id("row", str(sorted(row.items()))),
                }
            )
            if any(row.get(column) is not None for column in personal):
                secret.append(
                    {
                        **{column: row.get(column) for column in personal},
                        **of_version,
                        "updated_at": row.get("updated_at"),
                        "_pii_hash": stable_id("pii", str(sorted(row.items()))),
                    }
                )
        if written:
            connection.execute(sa.insert(RAW[entity]), written)
        if secret and not deleted:
            connection.execute(sa.insert(PII[entity]), secret)
    return batch_id


def customer(customer_id: str, **columns: Any) -> dict[str, Any]:
    """An active German-speaking customer since 2020 who can be reached by e-mail; `columns` say what is otherwise."""
    email = columns.get("email", f"{customer_id.lower()}@example.org")
    usual = {
        "customer_id": customer_id,
        "full_name": f"Customer {customer_id}",
        "email": email,
        "has_email": email is not None,
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "segment": "private",
        "joined_on": date(2020, 1, 1),
        "status": "active",
    }
    return {**usual, **columns}


def customers(count: int, *, first: int = 1, **columns: Any) -> list[dict[str, Any]]:
    """So many of them: C000001, C000002, …"""
    return [customer(f"C{number:06}", **columns) for number in range(first, first + count)]


def interaction(interaction_id: str, customer_id: str, at: datetime, **columns: Any) -> dict[str, Any]:
    """A claim that was settled at the moment at which it happened."""
    usual = {
        "interaction_id": interaction_id,
        "customer_id": customer_id,
        "occurred_at": at,
        "resolved_at": at,
        "channel": "phone",
        "interaction_type": "claim",
        "outcome": "paid",
    }
    return {**usual, **columns}


def employee(employee_id: str, **columns: Any) -> dict[str, Any]:
    return {"employee_id": employee_id, "org_unit_id": "team-1", "role": "agent", "email": f"{employee_id.lower()}@work.example", **columns}
