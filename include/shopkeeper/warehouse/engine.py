"""Connections to the warehouse. Sessions are pinned, so that text made in the database never depends on the machine."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail

PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
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


def _options() -> str:
    return " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in PINNED.items())


@lru_cache(maxsize=8)
def engine(url: str | None = None) -> sa.Engine:
    """A pooled engine (psycopg 3) with a pinned session; `url` defaults to `warehouse_url()`."""
    parsed = sa.make_url(url or warehouse_url()).set(drivername="postgresql+psycopg")
    return sa.create_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=4,
        connect_args={"options": _options(), "application_name": "shopkeeper", "connect_timeout": 10},
    )


def connect_raw(url: str | None = None) -> psycopg.Connection:
    """A bare psycopg connection with the same pinned session, for COPY. The caller closes it."""
    parsed = sa.make_url(url or warehouse_url()).set(drivername="postgresql")
    return psycopg.connect(
        parsed.render_as_string(hide_password=False),
        options=_options(),
        application_name="shopkeeper",
        connect_timeout=10,
    )
