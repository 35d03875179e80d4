"""Publishing: the schemas change names, in one transaction. See docs/adr/0004-publishing-by-rename.md.

A rename itself asks no reader for anything, and that is the danger: whoever has read one mart before it would read
the next one from another publication, and a repeatable-read transaction older than the new tables would find them
empty. So the swap first takes the old marts for itself, in attempts so short that readers hardly notice, and goes on
only when no open transaction has read them or is older than the build.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.pipeline.build import Build, require_current
from shopkeeper.pipeline.dbt_runner import APPLICATION
from shopkeeper.warehouse import locks, roles
from shopkeeper.warehouse.engine import engine as default_engine
from shopkeeper.warehouse.tables import BUILDS, GATE_RESULTS, PUBLICATIONS

PAIRS = (("marts", "marts_next"), ("frontline", "frontline_next"))
# Under Postgres' deadlock_timeout of 1 s, so that no reader that waits for us is ever the one chosen to fail.
ATTEMPT = "800ms"


@dataclass(frozen=True)
class Publication:
    """`dependents` names objects outside that were built upon marts; they keep reading the old tables, which then go."""

    publication_id: int
    build_id: int
    as_of: datetime
    known_at: datetime
    swap_milliseconds: float
    dependents: tuple[str, ...] = ()


def publish(
    build_id: int,
    now: datetime,
    *,
    run_id: str | None = None,
    wait_seconds: float = 300,
    note: Callable[[str], None] | None = None,
) -> Publication:
    """Make what a build made, and its gate passed, the published marts. A build that is published already stays so.

    Waits up to `wait_seconds` for transactions that have read the old marts; other readers go on meanwhile. Raises
    ShopkeeperError when the build is not the current one, is not complete, has not passed its gate, or readers do not end.
    """
    engine = default_engine()
    with locks.exclusive(engine, locks.MARTS):
        with engine.connect() as connection:
            if published := _published(connection, build_id):
                return published
            build = require_current(connection, build_id)
            _require_complete(connection, build)
            checks = _require_passed(connection, build)
            dependents = _dependents(connection)
            started = connection.scalar(sa.text("select clock_timestamp()"))
        for name in dependents if note else ():
            assert note
            note(f"{name} is built upon marts: it keeps the old figures and is dropped by a later build; query marts instead")
        deadline, pause = time.monotonic() + wait_seconds, 0.1
        while not _swap(engine, build, started, checks, run_id=run_id, now=now):
            if time.monotonic() > deadline:
                raise _held(engine, build, started, wait_seconds)
            if note and pause > 1:
                note("waiting for readers of the old marts to end their transactions")
            time.sleep(pause)
            pause = min(pause * 2, 5)
        with engine.connect() as connection:
            done = _published(connection, build_id)
        assert done is not None
        return replace(done, dependents=dependents)


# --- what must be so before -------------------------------------------------------------------------------------------


def _published(connection: sa.Connection, build_id: int) -> Publication | None:
    columns = [PUBLICATIONS.c[name] for name in Publication.__dataclass_fields__ if name != "dependents"]
    row = connection.execute(sa.select(*columns).where(PUBLICATIONS.c.build_id == build_id)).mappings().one_or_none()
    return Publication(**row) if row else None


def _require_complete(connection: sa.Connection, build: Build) -> None:
    same = connection.scalar(
        sa.text("""
            select state.is_complete
                and (state.as_of, state.known_at, state.config_hash, state.code_hash)
                    = (builds.as_of, builds.known_at, builds.config_hash, builds.code_hash)
                and not exists (
                    (select batch_id from ops.build_batches where build_id = builds.build_id)
                    except (select batch_id from marts_next._applied)
                )
            from ops.builds as builds
            left join marts_next._applied_state as state on true
            where builds.build_id = :build_id
        """),
        {"build_id": build.build_id},
    )
    if build.status != "built" or not same:
        raise fail(
            f"build {build.build_id}", f"is {build.status}, and marts_next does not hold all of it", "run build_marts from its start"
        )
    gone = connection.scalars(
        sa.text("""
            select batch_id from ops.build_batches inner join ops.batches using (batch_id)
            where build_id = :build_id and status not in ('passed', 'waived')
            order by batch_id
        """),
        {"build_id": build.build_id},
    ).all()
    if gone:
        what = f"holds what has been withdrawn since: batch {', '.join(map(str, gone))}"
        raise fail(f"build {build.build_id}", what, "run build_marts from its start")


def _require_passed(connection: sa.Connection, build: Build) -> dict[str, int]:
    failed = ~GATE_RESULTS.c.succeeded
    counts = (
        sa.func.count().label("checks"),
        sa.func.count().filter(failed & (GATE_RESULTS.c.severity == "critical")).label("critical"),
        sa.func.count().filter(failed).label("failed"),
    )
    found = connection.execute(sa.select(*counts).where(GATE_RESULTS.c.build_id == build.build_id)).one()
    if not found.checks:
        raise fail(f"build {build.build_id}", "has not been judged by its gate", "run build_marts from its start")
    if found.critical:
        what = f"failed its gate in {found.critical} critical checks; what is published stays"
        raise fail(f"build {build.build_id}", what, "see quality.gate_results, mend the cause, and run build_marts again")
    return {"gates_passed": found.checks - found.failed, "gates_warned": found.failed}


def _dependents(connection: sa.Connection) -> tuple[str, ...]:
    """Views and foreign keys outside the published schemas that were built upon a table in one of them."""
    query = sa.text("""
        with published as (
            select pg_class.oid, pg_class.relnamespace
            from pg_class
            inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
            where pg_namespace.nspname = any(:schemas)
        )
        select distinct outside.oid::regclass::text
        from pg_depend
        inner join published on pg_depend.refclassid = 'pg_class'::regclass and pg_depend.refobjid = published.oid
        left join pg_rewrite on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
        left join pg_constraint on pg_depend.classid = 'pg_constraint'::regclass and pg_depend.objid = pg_constraint.oid
        inner join pg_class as outside on outside.oid = coalesce(pg_rewrite.ev_class, pg_constraint.conrelid)
        where outside.relnamespace <> published.relnamespace
        order by 1
    """)
    return tuple(connection.scalars(query, {"schemas": [name for pair in PAIRS for name in pair]}))


# --- the swap ---------------------------------------------------------------------------------------------------------

# Transactions that began before this publishing did and whose snapshot may be older than the build. The pipeline's
# own sessions read no marts. Where the user of WAREHOUSE_URL may not see other users' snapshots, these are NULL.
_OLDER = """
    select pid from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
    and application_name not in ('shopkeeper', :application)
    and xact_start < :started
    and age(backend_xmin) >= (select age(xmin) from marts_next._applied_state)
"""

_READING = """
    select pg_locks.pid from pg_locks
    inner join pg_class on pg_locks.relation = pg_class.oid
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where pg_namespace.nspname in ('marts', 'frontline') and pg_locks.granted and pg_locks.pid <> pg_backend_pid()
    and pg_locks.database = (select oid from pg_database where datname = current_database())
"""


def _swap(engine: sa.Engine, build: Build, started: Any, checks: dict[str, int], *, run_id: str | None, now: datetime) -> bool:
    """One attempt; False when a reader is in the way."""
    try:
        with engine.begin() as connection:
            if connection.execute(sa.text(_OLDER), {"started": started, "application": APPLICATION}).first():
                return False
            connection.execute(sa.text(f"set local statement_timeout = '{ATTEMPT}'"))
            if tables := _tables(connection):
                connection.execute(sa.text(f"lock table {', '.join(tables)} in access exclusive mode"))
            connection.execute(sa.text("set local statement_timeout = 0"))
            begun = perf_counter()
            for published, next_one in PAIRS:
                for old, new in ((published, "_swap"), (next_one, published), ("_swap", next_one)):
                    connection.execute(sa.text(f"alter schema {old} rename to {new}"))
            for schema in (name for pair in PAIRS for name in pair):
                roles.grant_schema(connection, schema)
            milliseconds = round((perf_counter() - begun) * 1000, 3)
            row = {
                "build_id": build.build_id,
                "as_of": build.as_of,
                "known_at": build.known_at,
                "config_hash": build.config_hash,
                "git_commit": sa.select(BUILDS.c.git_commit).where(BUILDS.c.build_id == build.build_id).scalar_subquery(),
                "run_id": run_id,
                "swap_milliseconds": milliseconds,
                "published_at": now,
                **checks,
            }
            connection.execute(sa.insert(PUBLICATIONS).values(row))
            connection.execute(sa.update(BUILDS).where(BUILDS.c.build_id == build.build_id).values(status="published"))
        return True
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            return False
        raise


def _tables(connection: sa.Connection) -> list[str]:
    query = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('marts', 'frontline') order by 1"
    return list(connection.scalars(sa.text(query)))


def _held(engine: sa.Engine, build: Build, started: Any, seconds: float) -> Exception:
    """Who is in the way: process, user and program, never what they ask."""
    query = sa.text(f"""
        select format('%s (%s, %s, since %s)', pid, usename, coalesce(nullif(application_name, ''), 'unnamed'), xact_start::timestamptz(0))
        from pg_stat_activity
        where pid in ({_OLDER}) or pid in ({_READING})
        order by xact_start
    """)
    with engine.connect() as connection:
        holders = connection.scalars(query, {"started": started, "application": APPLICATION}).all()
    return fail(
        f"build {build.build_id}",
        f"cannot be published: readers have kept the old marts open for {seconds:.0f} s: process {'; '.join(holders) or 'gone meanwhile'}",
        "let them end their transactions, or end them with select pg_terminate_backend(<process>); then publish again",
    )
