"""Taking a person out of the warehouse, in the caller's transaction, and looking for what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, JSONB

from shopkeeper.privacy.erasure.person import LIVE, Person
from shopkeeper.privacy.erasure.tables import OTHER_IDS, WHOLE_ROWS, WORKSHOPS, Conditions, conditions
from shopkeeper.privacy.erasure.traces import Traces
from shopkeeper.privacy.erasure.zips import cleaned_zip
from shopkeeper.warehouse.tables import SITES

Note = Callable[[str], None]

CAN_CLEAR_STATISTICS = 180000  # the server's version

# Linked to the person by the number of an event alone.
_TEXTS_OF_ORDERS = "event_id in (select event_id from ops.work_order_events where order_id::text = any(:work_order))"
_LINKED = {
    "pii.work_order_texts": _TEXTS_OF_ORDERS,
    "ops.redacted_learned": _TEXTS_OF_ORDERS,
    "pii.contact_blocks": "address_hash = any(:address_hashes)",
    "pii.mailed_addresses": "address_hash = any(:address_hashes)",
}
# An answer that was counted becomes one that nobody gave, on its day. Of several about the relationship in a month the last one does:
# nobody can tell any more that they were one customer's.
_ANONYMOUS = f"""
    insert into raw.survey_responses (
        _key, _batch_id, provider, native_id, programme, responded_at, period_from, period_to, scale, score, is_complete,
        _source, _row_number, _row_hash, _loaded_at
    )
    select distinct on (
        counted.programme, counted.metric, case when counted.population = 'transactional' then counted.response_id end,
        date_trunc('month', counted.responded_on), counted.period_starts_on
    )
        gen_random_uuid(), latest._batch_id, 'erased', gen_random_uuid()::text, counted.programme,
        cast(counted.responded_on as timestamp) at time zone :timezone, latest.period_from, latest.period_to, latest.scale, latest.score,
        true, 'erased', 0, gen_random_uuid(), latest._loaded_at
    from (
        select distinct on (versions._key) versions.*
        from raw.survey_responses as versions
        inner join ops.batches on batches.batch_id = versions._batch_id and batches.status in {LIVE}
        where versions._key = any(:record)
        order by versions._key, versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc
    ) as latest
    inner join marts.fct_survey_responses as counted
        on counted.response_id = ops.stable_id('response', concat_ws(chr(31), latest.provider, latest.account, latest.native_id))
    where counted.excluded_reason is null and not latest._is_deleted and latest.score is not null
    order by
        counted.programme, counted.metric, case when counted.population = 'transactional' then counted.response_id end,
        date_trunc('month', counted.responded_on), counted.period_starts_on, counted.responded_at desc nulls last
"""


def keep_anonymous(connection: sa.Connection, person: Person, timezone: str) -> int:
    """Let the answers that are counted in the published marts stay as answers of nobody; returns how many."""
    if connection.scalar(sa.text("select to_regclass('marts.fct_survey_responses')")) is None:
        return 0
    values = {"record": list(person.ids["record"]), "timezone": timezone}
    return connection.execute(sa.text(_ANONYMOUS), values).rowcount


def remove(connection: sa.Connection, traces: Traces, note: Note = lambda _: None) -> Counter[str]:
    """Delete the person's rows and take the person out of all others; place → how many rows. Marts must be built anew afterwards."""
    removed: Counter[str] = Counter()
    asked = list(conditions(connection, traces))
    linked = {"work_order": list(traces.person.ids["work_order"]), "address_hashes": _address_hashes(connection, traces.person)}
    for table, where in _LINKED.items():
        removed[table] += connection.execute(sa.text(f"delete from {table} where {where}"), linked).rowcount
    for one in asked:
        note(one.table)
        if one.is_view or one.schema in WORKSHOPS:
            connection.execute(sa.text(f"refresh materialized view {one.table}" if one.is_view else f"drop table {one.table} cascade"))
            continue
        whole = one.any if one.table.startswith(WHOLE_ROWS) else one.is_person
        if whole:
            removed[one.table] += connection.execute(sa.text(f"delete from {one.table} where {whole}"), one.values).rowcount
        if one.names_person:
            removed[one.table] += _clean_rows(connection, one, traces)
    removed += _clean_sites(connection, traces)
    return +removed


def what_is_left(connection: sa.Connection, traces: Traces, note: Note = lambda _: None) -> tuple[Counter[str], dict[str, int]]:
    """Where the person still is: place → rows; and how much was searched. Looks into the planner's statistics too: they quote values."""
    left: Counter[str] = Counter()
    asked = list(conditions(connection, traces))
    for one in asked:
        note(one.table)
        if one.any:
            left[one.table] += connection.scalar(sa.text(f"select count(*) from {one.table} where {one.any}"), one.values) or 0
    values = {
        "pattern": traces.words, "whole": [*traces.whole, *map(str, traces.person.handles)], "ids": list(traces.person.customers),
    }  # fmt: skip
    for table in connection.scalars(sa.text(_STATISTICS), values):
        left[f"statistics of {table}"] += 1
    sites = 0
    for row in connection.execute(sa.select(SITES)):
        sites += 1
        left[_site(row)] += cleaned_zip(row.content, traces)[1]
    columns = sum(len(one.columns) for one in asked)
    return +left, {"tables": len(asked), "columns": columns, "sites": sites}


_STATISTICS = """
    select distinct format('%I.%I', schemaname, tablename)
    from pg_stats
    cross join lateral unnest(
        coalesce(most_common_vals::text::text[], '{}') || coalesce(histogram_bounds::text::text[], '{}')
    ) as sampled (value)
    where schemaname <> 'pg_catalog' and (value ~* :pattern or value = any(:whole) or (attname ~ 'customer_id$' and value = any(:ids)))
"""


def refresh(engine: sa.Engine, tables: list[str]) -> None:
    """Free what deleted rows still take up, and let the planner forget what it sampled from them."""
    known = sa.text("select to_regclass(:table) is not null")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            if connection.scalar(known, {"table": table}):
                connection.execute(sa.text(f"vacuum (analyze) {table}"))
                if not connection.scalar(sa.text(f"select exists (select from {table})")):
                    _forget_statistics(connection, table)


def _forget_statistics(connection: sa.Connection, table: str) -> None:
    """Of an empty table there is nothing to sample, so Postgres keeps what it sampled before."""
    sampled = sa.text("select schemaname, tablename, attname from pg_stats where format('%I.%I', schemaname, tablename) = :table")
    version: int = connection.scalar(sa.text("select current_setting('server_version_num')::int"))
    for row in connection.execute(sampled, {"table": table}).all():
        if version >= CAN_CLEAR_STATISTICS:
            clear = sa.text("select pg_clear_attribute_stats(:schemaname, :tablename, :attname, false)")
            connection.execute(clear, dict(row._mapping))
        elif connection.scalar(sa.text("select current_setting('is_superuser')::boolean")):
            forget = "delete from pg_statistic using pg_attribute where starelid = attrelid and staattnum = attnum"
            column = f"{forget} and attrelid = to_regclass(:table) and attname = :name"
            connection.execute(sa.text(column), {"table": table, "name": row.attname})
        else:  # giving a column the type that it has makes Postgres forget
            kind = sa.text(
                "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(:table) and attname = :name"
            )
            same = connection.scalar(kind, {"table": table, "name": row.attname})
            with suppress(sa.exc.NotSupportedError):  # a view reads it: what the planner still knows, the proof will tell
                connection.execute(sa.text(f'alter table {table} alter column "{row.attname}" type {same}'))


def _clean_rows(connection: sa.Connection, one: Conditions, traces: Traces) -> int:
    """Take the person out of the texts of rows that are somebody else's, or nobody's."""
    kinds = {column: kind for column, kind in one.columns.items() if kind != "uuid"}
    columns = ", ".join(f'"{column}"' for column in kinds)
    found = connection.execute(
        sa.text(f"select ctid::text as place, {columns} from {one.table} where {one.names_person}"), one.values
    ).all()
    for row in found:
        changed = {}
        for column, kind in kinds.items():
            value = getattr(row, column)
            if kind == "uuid[]":
                clean = [each for each in value or () if each not in traces.person.handles] or value
            else:
                clean = traces.clean_words(value) if OTHER_IDS.fullmatch(column) else traces.clean_value(value)
            if clean != value:
                changed[column] = sa.type_coerce(clean, {"json": JSON(), "jsonb": JSONB()}.get(kind, sa.types.NullType()))
        if changed:
            table = sa.table(one.table.split(".")[1].strip('"'), *map(sa.column, changed), schema=one.schema)
            connection.execute(sa.update(table).where(sa.text("ctid = cast(:place as tid)")).values(changed), {"place": row.place})
    return len(found)


def _address_hashes(connection: sa.Connection, person: Person) -> list[str]:
    """How the suppression list knows the person's addresses."""
    query = "select encode(sha256(convert_to(lower(btrim(address)), 'UTF8')), 'hex') from unnest(cast(:addresses as text[])) as address"
    return list(connection.scalars(sa.text(query), {"addresses": list(person.emails)}))


# --- sites ------------------------------------------------------------------------------------------------------------


def _clean_sites(connection: sa.Connection, traces: Traces) -> Counter[str]:
    removed: Counter[str] = Counter()
    keys = connection.execute(sa.select(SITES.c.name, SITES.c.publication_id)).all()
    for name, publication_id in keys:
        where = (SITES.c.name == name, SITES.c.publication_id == publication_id)
        row = connection.execute(sa.select(SITES).where(*where)).one()
        content, files = cleaned_zip(row.content, traces)
        if files:
            connection.execute(sa.update(SITES).where(*where).values(content=content))
            removed[_site(row)] += files
    return removed


def _site(row: Any) -> str:
    return f"site {row.name}" + (f" of publication {row.publication_id}" if row.publication_id else "")
