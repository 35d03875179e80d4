"""Rows of any database that SQLAlchemy reaches, as texts, streamed. From Postgres the server's own texts are piped through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa

from shopkeeper.company.config import Mapping
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.warehouse.batches import Span
from shopkeeper.warehouse.landing import Fault, File, Landing

DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
CHUNK = 1 << 16
ROWS = 5000
MYSQL_KINDS = {7: "utc", 16: "bit"}  # TIMESTAMP, BIT
_WINDOW = re.compile(r"(?<![:\w]):(window_start|window_end)\b")
_OTHER_COLON = re.compile(r"(?<!:):(?!:)(?=\w)(?!window_start\b|window_end\b)")

Note = Callable[[str], None]


def is_windowed(mapping: Mapping) -> bool:
    """Whether each read can be limited to a window of time."""
    return bool(mapping.cursor or (mapping.query and _WINDOW.search(mapping.query)))


@contextmanager
def connect(url: str, where: str) -> Iterator[sa.Connection]:
    """A connection for reading. Errors name the place, never the URL."""
    try:
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
        engine = sa.create_engine(parsed, poolclass=sa.NullPool, connect_args=_arguments(parsed))
    except (sa.exc.ArgumentError, ValueError):
        raise fail(where, "the connection is no database URL", "write it as postgresql://user:password@host:5432/database") from None
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise fail(where, f"there is no driver for {parsed.drivername} ({error})", "install the driver, or correct the URL") from None
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise explained(error.orig, where) from None
    finally:
        engine.dispose()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """For work on the driver's own connection: its errors are the source's, not the warehouse's."""
    try:
        yield
    except psycopg.Error as error:
        raise explained(error, where) from None


def _arguments(url: sa.URL) -> dict[str, Any]:
    match url.get_backend_name():
        case "postgresql":
            options = "-c client_encoding=UTF8 -c default_transaction_read_only=on"
            return {"connect_timeout": 10, "application_name": "shopkeeper", "options": options}
        case "mysql" | "mariadb":
            return {"connect_timeout": 10, "init_command": "set time_zone = '+00:00'", "charset": "utf8mb4"}
        case _:
            return {}


def explained(error: BaseException | None, where: str) -> ShopkeeperError:
    """A driver's error in our words. Only errors about names and logins are quoted: others may hold the row at fault."""
    text = " ".join(str(error).split())
    for sign, what, hint in SIGNS:
        if re.search(sign, text, re.IGNORECASE):
            return fail(where, f"{what} ({_first_sentence(text)})", hint)
    code = getattr(error, "sqlstate", None) or (error.args[0] if error and error.args and isinstance(error.args[0], int) else None)
    return fail(where, f"the source's database gave up: {type(error).__name__}" + (f" {code}" if code else ""), "see the source's own log")


SIGNS = (
    (
        r"password authentication failed|access denied|authentication failed",
        "the login is refused",
        "correct user and password of the connection",
    ),
    (r"column .* does not exist|unknown column|no such column", "the source has no such column", "correct the query or the columns"),
    (
        r"(relation|table|view|schema) .* does(n't| not) exist|no such table|table '.*' doesn't exist",
        "the source has no such table",
        "correct the table's name",
    ),
    (r"(database|role) .* does not exist|unknown database", "the source has no such database or user", "correct the connection"),
    (r"unable to open database file", "the database file cannot be opened", "correct the path of the connection"),
    (r"permission denied|command denied", "the login may not read this", "have it granted at the source"),
    (r"syntax error|error in your SQL syntax", "the query is no SQL that this database knows", "correct the query"),
    (
        r"connection refused|can't connect|timeout|timed out|resolve host|translate host name|name or service|getaddrinfo"
        r"|server closed|gone away|lost connection",
        "the source's database cannot be reached",
        "see that it runs and that host and port are right",
    ),
)


def _first_sentence(text: str) -> str:
    text = re.split(r"\s(?:LINE \d+:|HINT:|\[SQL)", text)[0]
    return text[:200].rstrip(". ")


def pour(
    connection: sa.Connection, landing: Landing, mapping: Mapping, window: Span | None, *, zone: str, where: str, note: Note
) -> list[str]:
    """Land what the mapping's table or query gives for the window; returns the source's columns.

    `zone` is that of naive times. Raises ShopkeeperError for a table that is not there, the driver's error otherwise.
    """
    sql = _select(connection, mapping, where)
    if window:
        sql = _windowed(connection, mapping, sql)
    file = landing.begin()
    if connection.dialect.name == "postgresql":
        sql = _with_literals(sql, window)
        return _pour_postgres(connection, landing, file, sql, mapping, zone=zone, where=where, note=note)
    statement = _with_parameters(sql, window, _how_to_compare(connection, mapping, where), zone, connection.dialect.name)
    result = connection.execution_options(stream_results=True, max_row_buffer=ROWS).execute(statement)
    columns, kinds = distinct(result.keys()), _kinds(result)
    rows = (row for part in result.partitions(ROWS) for row in part)
    landing.copy_rows(file, columns, texts(rows, kinds, decimal_comma=mapping.decimal_comma, note=note))
    return columns


def rows(
    connection: sa.Connection, mapping: Mapping, window: Span, *, zone: str, where: str
) -> tuple[list[str], Iterator[list[str | None] | Fault]]:
    """Columns and rows of the mapping's table or query, streamed as texts; `window` is only for a query that names it."""
    sql = _select(connection, mapping, where)
    statement = _with_parameters(sql, window if _WINDOW.search(sql) else None, None, zone, connection.dialect.name)
    result = connection.execution_options(stream_results=True, max_row_buffer=ROWS).execute(statement)
    records = (row for part in result.partitions(ROWS) for row in part)
    return distinct(result.keys()), texts(records, _kinds(result), decimal_comma=mapping.decimal_comma, note=lambda _: None)


def _pour_postgres(
    connection: sa.Connection, landing: Landing, file: File, sql: str, mapping: Mapping, *, zone: str, where: str, note: Note
) -> list[str]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with _told(where):
        driver.execute("select set_config('TimeZone', %s, false), set_config('DateStyle', 'ISO, YMD', false)", [zone])
        described = driver.execute(f"select * from (\n{sql}\n) source limit 0".encode()).description or []
    columns = distinct(column.name for column in described)
    if mapping.decimal_comma:  # the server writes a point, so these texts have to be made here
        rows = _fetched(driver, sql, where)
        landing.copy_rows(file, columns, texts(rows, [""] * len(columns), decimal_comma=True, note=note))
    else:
        landing.copy_bytes(file, columns, _piped(driver, sql, where, note))
        for name, column in zip(columns, described, strict=True):
            if kind := driver.adapters.types.get(column.type_code):
                landing.written[landing.column(name)] = kind.name
    return columns


def _fetched(driver: psycopg.Connection[Any], sql: str, where: str) -> Iterator[Sequence[Any]]:
    with _told(where), driver.cursor("source") as cursor:
        cursor.itersize = ROWS
        cursor.execute(sql.encode())
        yield from cursor


def _piped(driver: psycopg.Connection[Any], sql: str, where: str, note: Note) -> Iterator[bytes]:
    """COPY out in chunks: one message is one row, so they are joined before they are passed on."""
    parts, size, rows = [], 0, 0
    with _told(where), driver.cursor() as cursor, cursor.copy(f"copy (\n{sql}\n) to stdout".encode()) as copy:
        for data in copy:
            parts.append(data)
            size += len(data)
            if size >= CHUNK:
                rows += len(parts)
                note(f"{rows:,} rows")
                yield b"".join(parts)
                parts, size = [], 0
    yield b"".join(parts)


def distinct(names: Iterable[str]) -> list[str]:
    """Column names as a source gives them, made different from each other: a second `x` becomes `x (2)`, an empty one `column 3`."""
    given: dict[str, int] = {}
    unique = []
    for place, raw in enumerate(names, start=1):
        plain = raw.strip() or f"column {place}"
        given[plain] = given.get(plain, 0) + 1
        unique.append(plain if given[plain] == 1 else f"{plain} ({given[plain]})")
    return unique


# --- the statement ----------------------------------------------------------------------------------------------------


def _select(connection: sa.Connection, mapping: Mapping, where: str) -> str:
    if mapping.query:
        return mapping.query.strip().rstrip(";")
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema, table = _table(mapping)
    columns = [column["name"] for column in _described(connection, mapping, where) if column["name"] not in mapping.ignore]
    place = f"{quote(schema)}.{quote(table)}" if schema else quote(table)
    return f"select {', '.join(quote(column) for column in columns)} from {place}"


def _table(mapping: Mapping) -> tuple[str | None, str]:
    schema, _, table = (mapping.table or "").rpartition(".")
    return schema or None, table


def _described(connection: sa.Connection, mapping: Mapping, where: str) -> Sequence[Any]:
    schema, table = _table(mapping)
    try:
        return sa.inspect(connection).get_columns(table, schema=schema)
    except sa.exc.NoSuchTableError:
        hint = "correct its name, or have the login allowed to read it"
        raise fail(f"{where} › table", f"the source has no table {mapping.table}", hint) from None


def _windowed(connection: sa.Connection, mapping: Mapping, sql: str) -> str:
    """The window around a table or a query that does not name it itself. Rows without a time are read each time: nothing is lost."""
    if not mapping.cursor or _WINDOW.search(sql):
        return sql
    column = "source." + connection.dialect.identifier_preparer.quote_identifier(mapping.source_column(mapping.cursor))
    moment, low, high = column, ":window_start", ":window_end"
    if connection.dialect.name == "sqlite":  # times are texts there, with a blank or a T between day and time
        moment, low, high = (f"strftime('%Y-%m-%d %H:%M:%f', {each})" for each in (moment, low, high))
    return f"select * from (\n{sql}\n) source where ({moment} > {low} and {moment} <= {high}) or {column} is null"


def _with_literals(sql: str, window: Span | None) -> str:
    """For Postgres, whose COPY takes no parameters. The session's zone is the source's, so naive columns compare right too."""
    if window is None:
        return sql
    edges = dict(zip(("window_start", "window_end"), window, strict=True))
    return _WINDOW.sub(lambda found: f"'{edges[found[1]].isoformat()}'::timestamptz", sql)


def _with_parameters(sql: str, window: Span | None, zone: tzinfo | None, local: str, dialect: str) -> sa.TextClause:
    statement = sa.text(_OTHER_COLON.sub(r"\:", sql))
    if window is None:
        return statement
    edges: dict[str, Any] = {}
    for edge, moment in zip(("window_start", "window_end"), window, strict=True):
        naive = moment.astimezone(zone or ZoneInfo(local)).replace(tzinfo=None)
        edges[edge] = naive.isoformat(sep=" ") if dialect == "sqlite" else naive
    return statement.bindparams(**{edge: moment for edge, moment in edges.items() if f":{edge}" in sql})


def _how_to_compare(connection: sa.Connection, mapping: Mapping, where: str) -> tzinfo | None:
    """UTC where the cursor is a MySQL TIMESTAMP, which the session shows in UTC; else None: the source's own zone."""
    if mapping.table and mapping.cursor and connection.dialect.name in ("mysql", "mariadb"):
        cursor = mapping.source_column(mapping.cursor)
        if any(column["name"] == cursor and isinstance(column["type"], sa.TIMESTAMP) for column in _described(connection, mapping, where)):
            return UTC
    return None


# --- rows as texts ----------------------------------------------------------------------------------------------------


def _kinds(result: sa.CursorResult[Any]) -> list[str]:
    """Per column what its values do not say themselves: MySQL's TIMESTAMP is in UTC, its BIT is a number."""
    if result.dialect.name not in ("mysql", "mariadb") or result.cursor is None:
        return [""] * len(result.keys())
    description: Any = result.cursor.description
    return [MYSQL_KINDS.get(column[1], "") for column in description]


def texts(rows: Iterable[Sequence[Any]], kinds: Sequence[str], *, decimal_comma: bool, note: Note) -> Iterator[list[str | None] | Fault]:
    """Values as unambiguous texts, row by row."""
    for count, row in enumerate(rows, start=1):
        cells = [text(value, kind, decimal_comma) for value, kind in zip(row, kinds, strict=True)]
        if any(cell is not None and "\0" in cell for cell in cells):
            yield Fault([cell and cell.replace("\0", "\\x00") for cell in cells], "holds a zero byte")
        else:
            yield cells
        if count % 100_000 == 0:
            note(f"{count:,} rows")


def text(value: Any, kind: str = "", decimal_comma: bool = False) -> str | None:
    """A driver's value as text: times ISO (with their zone where they have one), numbers without grouping, bytes as \\x hex."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes) and kind == "bit":
        value = int.from_bytes(value, "big")
    match value:
        case bool():
            plain = "true" if value else "false"
        case Decimal():
            plain = format(value, "f")
        case float():
            plain = repr(value)
        case datetime():
            plain = value.isoformat(sep=" ") + ("+00:00" if kind == "utc" and value.tzinfo is None else "")
        case date() | time():
            plain = value.isoformat()
        case timedelta():
            plain = f"{value.total_seconds():f}".rstrip("0").rstrip(".")
        case bytes() | bytearray() | memoryview():
            plain = "\\x" + bytes(value).hex()
        case dict() | list() | tuple():
            plain = json.dumps(value, ensure_ascii=False, sort_keys=True, default=text)
        case _:
            plain = str(value)
    return plain.replace(".", ",") if decimal_comma and isinstance(value, Decimal | float) else plain
