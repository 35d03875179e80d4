"""Connections to the warehouse. Sessions are pinned, so that text made in the database never depends on the machine."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import ShopkeeperError, fail

PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",  # the only one that psycopg reads
    "extra_float_digits": "1",
    # A statement whose client was killed must not hold its locks until it is through.
    "client_connection_check_interval": "5s",
}
SETTINGS: dict[str, Any] = {"application_name": "shopkeeper", "connect_timeout": 10, "client_encoding": "UTF8"}
OLDEST_SUPPORTED = 16


def secret(name: str) -> str | None:
    """A setting from the environment: `NAME`, or the contents of the file that `NAME_FILE` points to."""
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise fail(f"{name}_FILE", f"cannot be read ({error.strerror})", "point it at a readable file") from None
    return None


def warehouse_url() -> str:
    """The warehouse to use: `WAREHOUSE_URL`, else the running embedded one.

    Raises ShopkeeperError when neither is there.
    """
    if url := secret("WAREHOUSE_URL"):
        return url
    from shopkeeper.warehouse.embedded import default_server

    return default_server().url("warehouse")


def engine(url: str | None = None) -> sa.Engine:
    """A pooled engine (psycopg 3) with a pinned session; `url` defaults to `warehouse_url()`. One per URL and process.

    Connecting raises ShopkeeperError when the server cannot be reached, refuses the login, or is too old.
    """
    return _engine(_parsed(url or warehouse_url()).set(drivername="postgresql+psycopg"))


@lru_cache(maxsize=8)
def _engine(url: sa.URL) -> sa.Engine:
    made = sa.create_engine(url, pool_pre_ping=True, pool_size=4, connect_args=SETTINGS)

    @sa.event.listens_for(made, "do_connect")
    def connect(dialect: sa.Dialect, record: Any, arguments: list[Any], settings: dict[str, Any]) -> psycopg.Connection:
        return _connect(url, *arguments, **settings)

    return made


# A forked child must not speak on its parent's sockets: it makes engines of its own.
os.register_at_fork(after_in_child=_engine.cache_clear)


def connect_raw(url: str | None = None) -> psycopg.Connection:
    """A bare psycopg connection with the same pinned session, for COPY. The caller closes it. Errors as for `engine`."""
    parsed = _parsed(url or warehouse_url()).set(drivername="postgresql+psycopg")
    arguments, settings = parsed.get_dialect()().create_connect_args(parsed)
    return _connect(parsed, *arguments, **{**settings, **SETTINGS})


def _parsed(url: str) -> sa.URL:
    hint = "write postgresql://user:password@host:5432/database; %-encode special characters of the password"
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise fail("WAREHOUSE_URL", "is not a database URL", hint) from None
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise fail("WAREHOUSE_URL", f"{parsed.drivername} is not Postgres", hint)
    return parsed


def _connect(url: sa.URL, *arguments: Any, **settings: Any) -> psycopg.Connection:
    try:
        connection = psycopg.connect(*arguments, **settings)
    except psycopg.OperationalError as error:
        raise _explained(url, str(error)) from None
    version = connection.info.server_version // 10000
    if version < OLDEST_SUPPORTED:
        connection.close()
        raise fail(_where(url), f"is PostgreSQL {version}", f"use PostgreSQL {OLDEST_SUPPORTED} or newer")
    # Said to the server, not in the connection's options: PGTZ or PGDATESTYLE in the environment would win over those.
    connection.autocommit = True
    connection.execute("; ".join(f"set {name} = {value!r}" for name, value in PINNED.items()))
    connection.autocommit = False
    return connection


def _where(url: sa.URL) -> str:
    """The warehouse by name, without the password."""
    return f"warehouse {url.username or ''}@{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


REASONS = (
    ("password authentication failed", "the password is wrong, or there is no such user", "correct WAREHOUSE_URL"),
    ("no password supplied", "the URL has no password", "add it to WAREHOUSE_URL"),
    ("no pg_hba.conf entry", "the server admits no such connection", "ask its administrator, or add ?sslmode=require to WAREHOUSE_URL"),
    ("does not exist", "no such database or user on that server", "create it, or correct WAREHOUSE_URL"),
    ("Connection refused", "nothing listens there", "start the server (the embedded one: ./shopkeeper db start), or correct WAREHOUSE_URL"),
    ("resolve host", "the host name is unknown", "correct WAREHOUSE_URL"),
    ("translate host name", "the host name is unknown", "correct WAREHOUSE_URL"),
    ("timeout", "the server does not answer", "see that it runs and that no firewall is in between, or correct WAREHOUSE_URL"),
    ("too many clients", "the server has no connection left", "close some, or raise its max_connections"),
    ("too many connections", "the server has no connection left", "close some, or raise its limit"),
)


def _explained(url: sa.URL, message: str) -> ShopkeeperError:
    for sign, what, hint in REASONS:
        if sign in message:
            return fail(_where(url), what, hint)
    last = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    return fail(_where(url), f"cannot connect: {last}", "correct WAREHOUSE_URL")
