"""Backup of the warehouse into one file, and restoring it into the embedded warehouse."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse import erasure_list, programs, roles
from shopkeeper.warehouse.embedded import Server, default_server, home
from shopkeeper.warehouse.engine import connect_raw, engine, secret, warehouse_url
from shopkeeper.warehouse.erasure_tables import BACKUPS
from shopkeeper.warehouse.schema import VERSION_SCHEMA, VERSION_TABLE, migrate
from shopkeeper.warehouse.tables import INSTANCE, SCHEMAS

Progress = Callable[[str], None]

RESTORING, REPLACED = "warehouse_restoring", "warehouse_replaced"


def backup(path: Path, *, now: datetime, progress: Progress | None = None) -> None:
    """Write the whole warehouse to `path`, as pg_dump's custom format, readable by its owner alone: it holds personal data.

    Where it was written to is kept in `ops.backups`: whoever is erased later is still in it.

    `progress` is told what is being written, a line at a time. Nothing is at `path` before the backup is complete.
    Raises ShopkeeperError when the file is there already, or cannot be written.
    """
    if path.exists():
        raise fail(str(path), "is there already", "choose another name: a backup is never overwritten")
    url = warehouse_url()
    with connect_raw(url) as connection:
        major = connection.info.server_version // 10000
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # before pg_dump, which would make it readable by all
    except OSError as error:
        raise fail(str(path), f"cannot be written ({error.strerror})", "choose another folder") from None
    try:
        # Row-level security binds an ordinary owner too, whose own policy shows everything; without the option pg_dump would refuse.
        dump = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--enable-row-security", "--verbose"]
        dump.append(f"--file={partial.absolute()}")
        # What the loader has in its hands belongs to a batch that is not there yet.
        _run(_client(major), [*dump, "--exclude-table=landing.*"], url, progress)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    with engine(url).begin() as connection:
        if sa.inspect(connection).has_table(BACKUPS.name, schema=BACKUPS.schema):  # another database has none
            row = {"file": str(path.absolute()), "bytes": path.stat().st_size, "made_at": now}
            connection.execute(sa.insert(BACKUPS).values(row))


def restore(
    path: Path,
    *,
    yes: bool = False,
    server: Server | None = None,
    progress: Progress | None = None,
    replay: Callable[[sa.Engine], object] | None = None,
) -> uuid.UUID:
    """Replace the embedded warehouse by the backup at `path`; returns the new instance id.

    The backup is restored beside the warehouse and changes place with it at the end, so that a backup that cannot be
    restored changes nothing. The restored warehouse gets an instance id of its own: it cannot send until somebody says so.
    What is known of erasures here is carried over, and `replay` erases them in the restored warehouse before anybody sees it.
    Raises ShopkeeperError without `yes`, while another connection writes, and for a file that is no backup of a warehouse.
    """
    if server is None and secret("WAREHOUSE_URL"):
        raise fail(
            "WAREHOUSE_URL", "is set: only the embedded warehouse can be restored here", "unset it, or use pg_restore on that server"
        )
    server = server or default_server()
    if not path.is_file():
        raise fail(str(path), "there is no such file", "name a file made by ./shopkeeper db backup")
    if not yes:
        raise fail("warehouse", "restoring replaces everything in it", "add --yes (and make a backup first: ./shopkeeper db backup FILE)")
    with connect_raw(server.url("postgres")) as connection:
        connection.autocommit = True
        held = connection.execute("select pg_try_advisory_lock(hashtextextended('shopkeeper.restore', 0))").fetchone()
        if held != (True,):
            raise fail("warehouse", "another restore is at work", "wait for it to end")
        _refuse_writers(connection)
        _drop(connection, RESTORING, REPLACED)
        server.create_database(RESTORING)
        try:
            instance = _fill(server, path, progress, replay)
            _swap(connection)
        finally:
            _drop(connection, RESTORING, REPLACED)
    return instance


def _fill(server: Server, path: Path, progress: Progress | None, replay: Callable[[sa.Engine], object] | None) -> uuid.UUID:
    url = server.url(RESTORING)
    roles.create_missing(engine(url))  # policies name them
    restoring = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--jobs=2", "--verbose", f"--dbname={RESTORING}"]
    _run(server.major, [*restoring, str(path.absolute())], url, progress)
    restored = engine(url)
    try:
        if not sa.inspect(restored).has_table(VERSION_TABLE, schema=VERSION_SCHEMA):
            raise fail(str(path), "is no backup of a warehouse", "name a file made by ./shopkeeper db backup")
        migrate(restored)
        with restored.begin() as connection:
            for schema in SCHEMAS:
                roles.grant_schema(connection, schema)
            change = sa.update(INSTANCE).values(instance_id=sa.func.gen_random_uuid(), registered_at=sa.func.now())
            instance: uuid.UUID = connection.execute(change.returning(INSTANCE.c.instance_id)).scalar_one()
        erasure_list.carry_over(restored, home(), engine(server.url("warehouse")))
        if replay:
            replay(restored)
        with restored.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("analyze"))
    finally:
        restored.dispose()
    return instance


def _refuse_writers(connection: psycopg.Connection) -> None:
    """A run at work holds an advisory lock or has written in its transaction; readers are simply disconnected."""
    writers = connection.execute(
        """
        select coalesce(string_agg(format('%s (process %s)', application_name, pid), ', '), '')
        from pg_stat_activity as session
        where
            datname = 'warehouse'
            and (
                backend_xid is not null
                or exists (select from pg_locks where pg_locks.pid = session.pid and locktype = 'advisory' and granted)
            )
        """
    ).fetchone()
    if writers and writers[0]:
        raise fail("warehouse", f"somebody is writing to it: {writers[0]}", "wait for the run to end, or ./shopkeeper down")


def _swap(connection: psycopg.Connection) -> None:
    for attempt in range(10):
        _refuse_writers(connection)
        try:
            with connection.transaction():
                connection.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where datname = 'warehouse' and backend_type = 'client backend'"
                )
                connection.execute(f"alter database warehouse rename to {REPLACED}")
                connection.execute(f"alter database {RESTORING} rename to warehouse")
            return
        except psycopg.errors.ObjectInUse:  # a client came back between the two statements
            if attempt == 9:
                raise fail("warehouse", "its clients connect faster than they are disconnected", "stop them and try again") from None


def _drop(connection: psycopg.Connection, *databases: str) -> None:
    for name in databases:
        connection.execute(f"drop database if exists {name} with (force)")


def _client(server_major: int) -> int:
    """Which of the wheel's client programs speaks with that server: a dump restores where its own version runs."""
    if server_major > programs.NEWEST:
        raise fail("warehouse", f"is PostgreSQL {server_major}; pg_dump here is {programs.NEWEST}", "use the pg_dump of that server")
    return server_major if server_major in programs.FOLDERS else programs.NEWEST


def _run(major: int, command: Sequence[str], url: str, progress: Progress | None) -> None:
    program, *arguments = command
    wrong = ""
    with subprocess.Popen(
        [str(programs.binaries(major) / program), *arguments],
        env=programs.client_environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said = line.strip()
            if not said.startswith(f"{program}: "):  # the server's detail and context quote rows, which are personal data
                continue
            said = said.removeprefix(f"{program}: ")
            if said.startswith("error: "):
                wrong = wrong or said
            elif progress:
                progress(said)
    if process.returncode:
        raise fail(
            "warehouse", f"{program} failed: {wrong[:500] or process.returncode}", "see that the disk is not full and the file is whole"
        )
