"""The list of whom nothing is taken in again: hashes of ids, met by every load, and carried over to a restored backup."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopkeeper.warehouse.entities import Entity
from shopkeeper.warehouse.erasure_tables import BACKUPS, ERASURE_LIST, ERASURES
from shopkeeper.warehouse.ids import SEPARATOR
from shopkeeper.warehouse.landing import Landing
from shopkeeper.warehouse.typing import literal, name

# What a column of a record refers to; a record's own key is of kind `record`.
KIND_OF = {
    "customer_id": "customer",
    "referrer_customer_id": "customer",
    "referred_customer_id": "customer",
    "merged_into": "customer",
    "interaction_id": "interaction",
    "invitation_id": "invitation",
    "work_order_id": "work_order",
}
REASON = "is about somebody who was erased"
FILE = "erasures.json"


class Entry(NamedTuple):
    salt: str
    hash: str
    kind: str
    erasure_id: str


def hashed(salt: str, kind: str, value: str) -> str:
    """The hash under which an id stands in the list; `_HASH` is its twin in SQL."""
    return hashlib.sha256(SEPARATOR.join((salt, kind, value)).encode()).hexdigest()


_HASH = "encode(sha256(convert_to(concat_ws(chr(31), salts.salt, ids.kind, ids.id), 'UTF8')), 'hex')"


def listed(ids: str) -> str:
    """SQL for those of `ids`, a query of (kind, id), that are on the list."""
    return f"""
        select distinct ids.kind, ids.id from ({ids}) as ids
        cross join (select distinct salt from pii.erasure_list) as salts
        inner join pii.erasure_list as list on list.salt = salts.salt and list.hash = {_HASH}
    """


def salt(connection: sa.Connection) -> str:
    """The salt for new entries: that of the list, else a new one."""
    found: str | None = connection.scalar(sa.select(sa.func.max(ERASURE_LIST.c.salt)))
    return found or secrets.token_hex(16)


def add(connection: sa.Connection, entries: Iterable[Entry]) -> None:
    rows = [entry._asdict() for entry in entries]
    if rows:
        connection.execute(insert(ERASURE_LIST).on_conflict_do_nothing(), rows)


def leave_out(landing: Landing, typed: str, entity: Entity, source: str, batch_id: int) -> int:
    """Take rows about erased persons out of what a batch has typed; returns how many. None of what they hold is kept.

    An erasure waits for loads that have begun, and loads for an erasure: whoever is being erased cannot slip in.
    """
    landing.run("lock table pii.erasure_list in share mode")
    if not landing.scalar("select exists (select from pii.erasure_list)"):
        return 0
    referring = {column.name: KIND_OF[column.name] for column in entity.columns if column.name in KIND_OF} | {"_key": "record"}
    ids = " union ".join(
        f"select {literal(kind)} as kind, {name(column)}::text as id from {typed} where {name(column)} is not null"
        for column, kind in referring.items()
    )
    erased = " or ".join(
        f"{name(column)}::text in (select id from erased where kind = {literal(kind)})" for column, kind in referring.items()
    )
    count = landing.run(f"with erased as materialized ({listed(ids)}) delete from {typed} where {erased}").rowcount
    if count:
        landing.run(
            f"""
            insert into rejected.rows (
                entity, source, payload_hash, payload, reason, first_batch_id, last_batch_id, times_seen, closed_by_batch_id
            )
            values (
                {literal(entity.name)}, {literal(source)}, md5('erased')::uuid, '{{}}', {literal(REASON)},
                {batch_id}, {batch_id}, {count}, {batch_id}
            )
            on conflict (entity, source, payload_hash) do update set
                last_batch_id = excluded.last_batch_id, times_seen = rows.times_seen + excluded.times_seen,
                closed_by_batch_id = excluded.closed_by_batch_id
            """
        )
    return count


# --- beside the warehouse, for the day on which a backup takes its place ---------------------------------------------


def write_copy(connection: sa.Connection, home: Path) -> None:
    """Keep the whole list in a file too, readable by its owner alone: a backup knows nothing of erasures after it."""
    entries = [list(row) for row in connection.execute(sa.select(*_columns()).order_by(ERASURE_LIST.c.hash))]
    receipts = [_told(row) for row in connection.execute(sa.select(ERASURES).order_by(ERASURES.c.erased_at)).mappings()]
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f".{FILE}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"entries": entries, "receipts": receipts}, file)
    draft.replace(home / FILE)


def carry_over(restored: sa.Engine, home: Path, current: sa.Engine) -> None:
    """Put into a restored warehouse what the file, and the warehouse whose place it takes, know of erasures and of backups."""
    entries, receipts, backups = list[Entry](), list[dict[str, object]](), list[dict[str, object]]()
    if sa.inspect(current).has_table(ERASURE_LIST.name, schema=ERASURE_LIST.schema):
        with current.connect() as connection:
            entries += [Entry(row.salt, row.hash, row.kind, row.erasure_id) for row in connection.execute(sa.select(*_columns()))]
            receipts += [_told(row) for row in connection.execute(sa.select(ERASURES)).mappings()]
            known = sa.select(BACKUPS.c.file, BACKUPS.c.bytes, BACKUPS.c.made_at).order_by(BACKUPS.c.backup_id)
            backups += [dict(row) for row in connection.execute(known).mappings()]
    if (home / FILE).exists():
        kept = json.loads((home / FILE).read_text())
        entries += [Entry(*row) for row in kept["entries"]]
        receipts += kept["receipts"]
    with restored.begin() as connection:
        add(connection, entries)
        if receipts:
            connection.execute(insert(ERASURES).on_conflict_do_nothing(), receipts)
        if backups:
            connection.execute(sa.delete(BACKUPS))
            connection.execute(sa.insert(BACKUPS), backups)


def _columns() -> list[sa.ColumnElement[Any]]:
    columns = ERASURE_LIST.c
    return [columns.salt, columns.hash, columns.kind, sa.cast(columns.erasure_id, sa.Text).label("erasure_id")]


def _told(row: sa.RowMapping) -> dict[str, object]:
    """A receipt as JSON and as values to insert: moments and ids as texts."""
    return {
        key: str(value) if key in ("erasure_id", "erased_at", "proven_at") and value is not None else value for key, value in row.items()
    }
