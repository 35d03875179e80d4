"""What can be traced and by which key; the one row that is meant; and what a trace is made of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail

Row = dict[str, Any]

CELL = ("programme", "metric", "period_grain", "period_starts_on", "dimension", "dimension_value")

# The columns that say which row, in the order in which their values may be given; of any other mart they have to be named.
KEYS: dict[str, tuple[str, ...]] = {
    "nps_current": ("programme", "metric", "dimension", "dimension_value"),
    "nps_by_segment": CELL,
    "metric_reliability": ("programme", "metric", "period_grain", "period_starts_on"),
    "control_charts": ("programme", "metric", "period_grain", "chart", "period_starts_on"),
    "unit_comparisons": ("programme", "metric", "period_grain", "dimension", "dimension_value"),
    "score_changes": ("programme", "metric", "period_grain", "period_starts_on", "dimension", "part", "dimension_value"),
    "response_rates": ("programme", "period_grain", "period_starts_on", "dimension", "dimension_value"),
    "survey_weightings": ("programme", "wave"),
    "sensitivity_bands": ("programme", "metric"),
    "phone_follow_ups": ("programme", "wave"),
    "driver_effects": ("programme", "metric", "dimension", "dimension_value", "driver", "level"),
    "driver_curves": ("programme", "metric", "dimension", "dimension_value", "bucket"),
    "theme_trends": ("programme", "metric", "theme", "period_grain", "period_starts_on", "dimension", "dimension_value"),
    "theme_quality": ("label_set", "theme", "language"),
    "benchmark_nps": ("panel", "competitor", "period_grain", "period_starts_on"),
    "employee_nps": ("programme", "metric", "period", "unit_kind", "org_unit_id"),
    "dim_accounts": ("account_id",),
    "predicted_quality": ("programme", "metric", "model"),
    "predicted_scores": ("programme", "metric", "dimension", "dimension_value"),
    "goal_attainment": ("goal_id",),
    "initiative_priorities": ("initiative_id",),
    "fct_survey_responses": ("response_id",),
    "fct_survey_invitations": ("invitation_id",),
}

# Evidence beside the marts: the frozen frame of a wave with one candidate in it, and an interaction.
FRAME, INTERACTION = "wave_frames", "interactions"
EVIDENCE = {FRAME: ("programme", "wave", "customer_id", "interaction_id"), INTERACTION: ("interaction_id",)}

# What is no score and no mart: of these a key may fit many rows.
RECORDS = {
    "gate_results": ("suite", "description"),
    "batches": ("entity", "source"),
    "rejected_rows": ("entity", "column_name", "reason"),
    "dbt_results": ("resource_type", "status"),
    "excluded_answers": ("reason", "programme"),
}

SHOWN_VALUES = 8


@dataclass(frozen=True)
class Section:
    """A part of a trace: rows with the same columns. `total` is how many there are where not all are here."""

    name: str
    title: str
    rows: Sequence[Row]
    note: str = ""
    total: int | None = None


@dataclass(frozen=True)
class Trace:
    """`following` are the commands that lead on from here. `agrees`: whether the number follows from its rows; None where there is none."""

    subject: str
    sections: tuple[Section, ...]
    following: tuple[str, ...] = ()
    agrees: bool | None = None


def command(subject: str, *key: Any) -> str:
    """`./shopkeeper trace SUBJECT KEY…`, ready to be pasted into a shell; what is empty at the key's end is left out."""
    return shlex.join(["./shopkeeper", "trace", subject, *(str(value) for value in key if value is not None)])


def named_key(subject: str, key: Sequence[str]) -> dict[str, str]:
    """Column → value, from `column=value` and from values of the key's columns in their order.

    Raises ShopkeeperError for too many values, or values of a mart whose key has no order here.
    """
    order = [*(EVIDENCE | RECORDS | KEYS).get(subject, ())]
    given = dict(part.split("=", 1) for part in key if _is_named(part))
    values = [part for part in key if not _is_named(part)]
    free = [column for column in order if column not in given]
    if len(values) > len(free):
        what = f"{len(values)} values for {len(free)} columns" if order else "its key has no order"
        hint = f"its key is {' '.join(order)}" if order else "name the columns: programme=… metric=…"
        raise fail(f"trace {subject}", what, hint)
    return given | dict(zip(free, values, strict=False))


def _is_named(part: str) -> bool:
    return part.partition("=")[0].isidentifier() and "=" in part


def row_of(connection: sa.Connection, mart: str, key: Mapping[str, str]) -> Row:
    """The one row of a published mart that a key means.

    Raises ShopkeeperError when there is no such mart, column or row, or when several rows fit: it says then what tells them apart.
    """
    types = _columns(connection, mart)
    if unknown := [column for column in key if column not in types]:
        raise fail(f"trace {mart}", f"it has no column {unknown[0]}", f"it has {', '.join(types)}")
    quoted = connection.dialect.identifier_preparer.quote_identifier
    conditions = [f"{quoted(column)} = cast(:k{number} as {types[column]})" for number, column in enumerate(key)]
    query = f"select * from marts.{quoted(mart)} where {' and '.join(conditions) or 'true'} limit 200"
    try:
        found = rows(connection, query, **{f"k{number}": value for number, value in enumerate(key.values())})
    except sa.exc.DataError as error:
        message = error.orig.diag.message_primary if isinstance(error.orig, psycopg.Error) else "no such value"
        raise fail(f"trace {mart}", str(message), f"the key is {_written(key)}") from None
    if not found:
        raise _no_row(connection, mart, key, types)
    if len(found) > 1:
        others = [*KEYS.get(mart, ()), *(column for column, kind in types.items() if kind != "uuid")]
        apart = next((column for column in others if column not in key and len({str(row[column]) for row in found}) > 1), None)
        values = sorted({str(row[apart]) for row in found}) if apart else []
        hint = f"say which {apart}: {_some(values)}" if apart else "the rows are alike"
        raise fail(f"trace {mart}", f"{'200 or more' if len(found) == 200 else len(found)} rows fit {_written(key)}", hint)
    return found[0]


def rows(connection: sa.Connection, query: str, **values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]


def _columns(connection: sa.Connection, mart: str) -> dict[str, str]:
    query = """
        select relname as mart, attname as name, format_type(atttypid, atttypmod) as type
        from pg_attribute
        inner join pg_class on pg_class.oid = attrelid
        where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped and not starts_with(relname, '_')
        order by attnum
    """
    found = rows(connection, query)
    columns = {row["name"]: row["type"] for row in found if row["mart"] == mart}
    if not columns:
        marts = sorted({row["mart"] for row in found})
        hint = f"one of {', '.join([*marts, *EVIDENCE, *RECORDS])}" if marts else "nothing has been published yet: ./shopkeeper run"
        raise fail(f"trace {mart}", "there is no such mart", hint)
    return columns


def _no_row(connection: sa.Connection, mart: str, key: Mapping[str, str], types: Mapping[str, str]) -> Exception:
    """Which of the key's values is in no row that has the ones before it, and what is there instead."""
    quoted = connection.dialect.identifier_preparer.quote_identifier
    conditions: list[str] = ["true"]
    binds: dict[str, str] = {}
    for number, (column, value) in enumerate(key.items()):
        query = (
            f"select distinct cast({quoted(column)} as text) as value from marts.{quoted(mart)} where {' and '.join(conditions)} limit 2000"
        )
        there = [row["value"] for row in rows(connection, query, **binds)]
        conditions.append(f"{quoted(column)} = cast(:k{number} as {types[column]})")
        binds[f"k{number}"] = value
        if not rows(connection, f"select from marts.{quoted(mart)} where {' and '.join(conditions)} limit 1", **binds):
            return fail(f"trace {mart}", f"no row has {_written(dict(list(key.items())[: number + 1]))}", f"{column} is {_some(there)}")
    return fail(f"trace {mart}", f"no row has {_written(key)}", "look at the key")


def _written(key: Mapping[str, str]) -> str:
    return " ".join(f"{column}={value}" for column, value in key.items()) or "no key"


def _some(values: Sequence[Any]) -> str:
    shown = sorted(str(value) for value in values if value is not None)
    return ", ".join(shown[:SHOWN_VALUES]) + (f", … ({len(shown)})" if len(shown) > SHOWN_VALUES else "")
