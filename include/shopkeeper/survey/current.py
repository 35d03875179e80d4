"""Records as they are now: the newest version of each, in the batches that may be read.

The one place of the survey rooms that knows how versions are ordered; docs/adr/0002-batches-and-versions.md says why so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.typing import literal, name


def newest(entity: str, *, pii: Sequence[str] = (), among: str | None = None, mostly: int | None = None) -> str:
    """A query, without closing semicolon, for one row per record: its newest version as known at `:known_at`, deleted ones left out.

    Columns: the plain ones of the entity, then those named in `pii` (newest under the same key; NULL where there is none), and
    `_key`. A record is what the entity's key names, whatever source says it. `among` is a query for ids (one text column) and
    limits the rows to those; it needs an entity whose key is one column and uses the primary keys instead of scans. `mostly`, a
    readable batch that holds most records of such an entity, spares the sorting of all that stand in no other.
    """
    plain = [name(column.name) for column in ENTITIES[entity].plain_columns]
    latest = _latest("raw", entity, [*plain, "_key", "_is_deleted"], among=among, mostly=mostly)
    if not pii:
        return f"select {', '.join(plain)}, _key from ({latest}) as latest where not _is_deleted"
    personal = [name(column) for column in pii]
    return f"""
        select latest.{", latest.".join(plain)}, personal.{", personal.".join(personal)}, latest._key
        from ({latest}) as latest
        left join ({_latest("pii", entity, ["_key", *personal], among=among, mostly=mostly)}) as personal using (_key)
        where not latest._is_deleted
    """


def _latest(schema: str, entity: str, columns: Sequence[str], *, among: str | None, mostly: int | None) -> str:
    """A query for the newest version of every record, plain or personal."""
    table, listed = f"{schema}.{entity}", ", ".join(columns)
    key = "_key" if schema == "pii" else ", ".join(map(name, ENTITIES[entity].key))
    newest_first = f"{key}, updated_at desc nulls last, _loaded_at desc, _batch_id desc, _key"
    versions = f"select distinct on ({key}) {listed} from {table} where {readable(entity)}"
    if mostly is None:
        return f"{versions}{_of(entity, among)} order by {newest_first}"
    others = f"select {key} from {table} where {readable(entity)} and _batch_id <> {mostly:d}"
    return f"""
        select {listed} from {table} as settled
        where _batch_id = {mostly:d} and {readable(entity)}
            and not exists (select from ({others}) as others where others.{key} = settled.{key})
        union all
        (select * from ({versions} and {key} in ({others}) order by {newest_first}) as several)
    """


def survivors() -> str:
    """A query for one row per customer record that was merged into another, as known at `:known_at`: customer_id, survivor_customer_id.

    Chains are followed to their end; a merge into a record that nobody knows, or in a ring, is not followed; a deletion undoes none.
    int_customers__survivors says the same to the marts.
    """
    said = "select customer_id from raw.customers where merged_into is not null"
    named = "select merged_into from raw.customers where merged_into is not null"
    records = _latest("raw", "customers", ["customer_id", "merged_into"], among=said, mostly=None)
    targets = _latest("raw", "customers", ["customer_id"], among=named, mostly=None)
    return f"""
        with recursive
        merges as (
            select records.customer_id, records.merged_into
            from ({records}) as records
            inner join ({targets}) as targets on records.merged_into = targets.customer_id
        ),
        reached as (
            select customer_id, merged_into as reached_id from merges
            union
            select reached.customer_id, merges.merged_into from reached inner join merges on reached.reached_id = merges.customer_id
        ),
        followed as (
            select * from merges where customer_id not in (select customer_id from reached where customer_id = reached_id)
        ),
        walked as (
            select customer_id, merged_into as at_customer_id from followed
            union all
            select walked.customer_id, followed.merged_into from walked inner join followed on walked.at_customer_id = followed.customer_id
        )
        select customer_id, at_customer_id as survivor_customer_id
        from walked where at_customer_id not in (select customer_id from followed)
    """


def largest_batch(connection: sa.Connection, entity: str, *, known_at: datetime) -> int | None:
    """The readable batch that brought most versions, usually the first load. Named as a number, the planner knows how much it holds."""
    query = f"select batch_id from ops.batches where {_readable_batches(entity)} order by accepted desc, batch_id limit 1"
    found: int | None = connection.scalar(sa.text(query), {"known_at": known_at})
    return found


def readable(entity: str) -> str:
    """SQL that is true for a version of a batch that may be read and was loaded by `:known_at`."""
    return f"_batch_id in (select batch_id from ops.batches where {_readable_batches(entity)})"


def _readable_batches(entity: str) -> str:
    return f"entity = {literal(entity)} and status in ('passed', 'waived') and loaded_at <= :known_at"


def _of(entity: str, among: str | None) -> str:
    """A version's key is made of source and id, so a few records are found by the keys that they would have in each source."""
    if among is None:
        return ""
    if len(ENTITIES[entity].key) != 1:
        raise ValueError(f"{entity} has a key of several columns")
    sources = f"(select distinct source from ops.batches where entity = {literal(entity)})"
    namespace = f"{literal(entity + ':')} || sources.source"
    return f" and _key in (select ops.stable_id({namespace}, ids.id) from ({among}) as ids (id) cross join {sources} as sources)"
