"""Columns out of the warehouse and back: `COPY` and Arrow, so that a million rows take about a second."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

_KINDS: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1700: pa.float64(),
}


def read(connection: sa.Connection, query: str, *, exact: Sequence[str] = ()) -> pa.Table:
    """The rows of `query` as columns, in the query's order of rows.

    Types are those that the database says: numeric becomes float64, or decimal128(38, 4) for the columns named in `exact`;
    dates, booleans and whole numbers stay what they are; everything else is text. An empty value is null.
    """
    driver = _driver(connection)
    with driver.cursor() as cursor:
        cursor.execute(f"select * from ({query}) as asked limit 0")
        assert cursor.description is not None
        types = {column.name: _KINDS.get(column.type_code, pa.string()) for column in cursor.description}
        types |= {name: pa.decimal128(38, 4) for name in exact}
        with cursor.copy(f"copy ({query}) to stdout (format csv, header)") as copy:
            content = b"".join(bytes(block) for block in copy)
    options = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(io.BytesIO(content), parse_options=parse, convert_options=options)


def write(connection: sa.Connection, table: sa.Table, build_id: int, columns: Mapping[str, Any]) -> int:
    """Put rows of one build into a table of schema `analysis`, in place of those that this build has there; returns how many.

    `columns` maps a column's name to its values (numpy, Arrow or a list), all of one length; nulls and NaN become NULL.
    """
    connection.execute(sa.delete(table).where(table.c.build_id == build_id))
    rows = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    rows = rows.append_column("build_id", pa.array([build_id] * len(rows), pa.int64()))
    content = io.BytesIO()
    pyarrow.csv.write_csv(rows, content, pyarrow.csv.WriteOptions(include_header=False))
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    with _driver(connection).cursor() as cursor, cursor.copy(f"copy {table.fullname} ({names}) from stdin (format csv)") as copy:
        copy.write(content.getbuffer())
    return len(rows)


def forget_other_builds(connection: sa.Connection, table: sa.Table, build_id: int) -> None:
    """Marts hold copies of what they show, so rows about customers are kept for the build at work alone."""
    connection.execute(sa.delete(table).where(table.c.build_id != build_id))


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
