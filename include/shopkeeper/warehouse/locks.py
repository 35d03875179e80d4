"""One Postgres advisory lock for build, publish, rebuild and erase; one per entity and source for ingestion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from shopkeeper.errors import fail

MARTS = "marts"
LOCK_NOT_AVAILABLE = "55P03"


@contextmanager
def exclusive(engine: sa.Engine, name: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the named lock for the length of the block, on a connection of its own.

    A killed holder frees it, because the lock belongs to the session. Raises ShopkeeperError when
    another run holds it and `wait_seconds` have passed.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = sa.func.hashtextextended(f"shopkeeper.{name}", 0)
        if wait_seconds:
            connection.execute(sa.text(f"set lock_timeout = {max(1, int(wait_seconds * 1000))}"))
            try:
                connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                raise _busy(name) from None
            finally:
                connection.execute(sa.text("reset lock_timeout"))
        elif not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
            raise _busy(name)
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))


def _busy(name: str) -> Exception:
    return fail(f"lock {name}", "another run is at work on it", "wait for it to end, or see ./shopkeeper status")
