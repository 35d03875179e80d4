"""Every table of every schema, from the catalogue: which of its rows are the person's, and which texts in other rows name the person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shopkeeper.privacy.erasure.traces import UUID_PATTERN, Traces

# What the next build makes anew, and nobody reads meanwhile, is dropped.
WORKSHOPS = ("staging", "intermediate", "marts_next", "frontline_next")
# Rows that came whole from outside: one that names the person goes whole.
WHOLE_ROWS = ("rejected.", "landing.", "pii.provider_messages")
# Ids of persons in columns of other names, and the kind of id in the erasure list; matched against the whole name.
KINDS = (
    (re.compile(r"(\w+_)?customer_id|merged_into"), "customer"),
    (re.compile(r"interaction_id"), "interaction"),
    (re.compile(r"invitation_id"), "invitation"),
    (re.compile(r"(work_)?order_id|external_id"), "work_order"),
)
# Ids of something else, which may look the same as a customer's.
OTHER_IDS = re.compile(r"\w+_id|\w+_by|actor|\w+_path|dimension_value")
NO_PERSONS_DATA = ("quality.erasures", "pii.erasure_list", "ops.backups", "ops.alembic_version")

_CATALOGUE = """
    select
        format('%I.%I', nspname, relname) as table, nspname as schema, relname as name, relkind = 'm' as is_view,
        array_agg(attname::text order by attnum) as columns,
        array_agg(format_type(atttypid, null) order by attnum) as types
    from pg_class
    inner join pg_namespace on pg_namespace.oid = relnamespace
    inner join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where
        relkind in ('r', 'm') and nspname <> 'information_schema' and nspname not like 'pg\\_%'
        and format_type(atttypid, null) in (
            'text', 'character varying', 'character', 'name', 'uuid', 'json', 'jsonb', 'text[]', 'uuid[]', 'character varying[]'
        )
    group by 1, 2, 3, 4
    order by 1
"""


@dataclass(frozen=True)
class Conditions:
    """SQL that is true for rows that are the person's, and for rows in which some text names the person."""

    table: str
    schema: str
    is_view: bool
    columns: dict[str, str]
    is_person: str | None
    names_person: str | None
    values: dict[str, Any] = field(repr=False)

    @property
    def any(self) -> str | None:
        return " or ".join(f"({one})" for one in (self.is_person, self.names_person) if one) or None


def conditions(connection: sa.Connection, traces: Traces) -> Iterator[Conditions]:
    """What to ask of each table that could hold anything of a person."""
    person = traces.person
    values: dict[str, Any] = {kind: list(ids) for kind, ids in person.ids.items()}
    values |= {
        "handles": sorted(person.handles),
        "handle_texts": sorted(map(str, person.handles)),
        "pattern": traces.pattern,
        "words": traces.words,
        "quoted": traces.quoted,
        "whole": list(traces.whole),
        "uuid": UUID_PATTERN,
    }
    for row in connection.execute(sa.text(_CATALOGUE)).all():
        if row.table not in NO_PERSONS_DATA:
            columns = dict(zip(row.columns, row.types, strict=True))
            is_person = " or ".join(_is_person(columns)) or None
            if is_person and row.table == "quality.wave_frames":  # of employees the frame holds the employee's id
                is_person = f"({is_person}) and wave_id not in (select wave_id from ops.waves where config ->> 'kind' = 'employee')"
            if row.table == "rejected.rows":
                is_person = f"({is_person}) or (entity = 'customers' and natural_key = any(:customer))" if is_person else None
            yield Conditions(row.table, row.schema, row.is_view, columns, is_person, " or ".join(_names_person(columns)) or None, values)


def _is_person(columns: dict[str, str]) -> Iterator[str]:
    for column, kind in columns.items():
        known = next((known for pattern, known in KINDS if pattern.fullmatch(column)), None)
        if kind == "uuid":
            yield f'"{column}" = any(:handles)'
        elif known and kind == "text":
            yield f'"{column}" = any(:{known}) or "{column}" = any(:handle_texts)'
        elif column.endswith(("_id", "_key")) and kind == "text":
            yield f'"{column}" = any(:handle_texts)'


def _names_person(columns: dict[str, str]) -> Iterator[str]:
    """Texts and JSON, by pattern; handles inside them one by one, because a pattern of thousands is none."""
    texts = [column for column, kind in columns.items() if kind in ("text", "character varying", "character", "name")]
    others = [f'"{column}"' for column in texts if OTHER_IDS.fullmatch(column)]
    free = [f'"{column}"' for column in texts if not OTHER_IDS.fullmatch(column)]
    nested = [f'"{column}"::text' for column, kind in columns.items() if kind in ("json", "jsonb") or kind.endswith("[]")]
    if others:
        yield f"concat_ws(chr(31), {', '.join(others)}) ~* :words"
    if free:
        yield f"concat_ws(chr(31), {', '.join(free)}) ~* :pattern"
        yield " or ".join(f"{column} = any(:whole)" for column in free)
    if nested:
        yield f"concat_ws(chr(31), {', '.join(nested)}) ~* :quoted"
    if whole := [*free, *nested]:
        written = f"concat_ws(chr(31), {', '.join(whole)})"
        found = f"select from regexp_matches({written}, :uuid, 'g') as found where lower(found[1]) = any(:handle_texts)"
        yield f"(cardinality(cast(:handles as uuid[])) > 0 and {written} ~ :uuid and exists ({found}))"
