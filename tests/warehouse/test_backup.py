"""A backup that does not restore is none; a restored copy that sends would ask every customer twice."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from shopkeeper.company.config import Company
from shopkeeper.errors import ShopkeeperError
from shopkeeper.privacy.erasure.erasing import Asked, erase, replay
from shopkeeper.warehouse import backup as backups
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.backup import backup, restore
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import connect_raw, engine
from shopkeeper.warehouse.schema import migrate
from shopkeeper.warehouse.tables import INSTANCE
from tests.survey.people import customer, interaction, put

from .conftest import MAJOR

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILL = """
insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)
select 'customers', 'crm', 'window', '2026-03-01', number, number, 0, 0, 'passed' from generate_series(1, 100) as number;
insert into pii.customers (_key, _batch_id, full_name, _pii_hash, _loaded_at)
select ops.stable_id('customers', number::text), number, 'Zoë ' || number, ops.stable_id('', number::text), '2026-03-01'
from generate_series(1, 1000) as number;
create table marts.nps_current as select 42.5::numeric as nps;
create unlogged table landing.in_hand as select 'half a batch' as line;
"""


def _start_filled(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start `server` as the embedded one, with its `warehouse` migrated and filled."""
    server.start()
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setattr("shopkeeper.warehouse.embedded.default_server", lambda: server)
    monkeypatch.setattr(backups, "default_server", lambda: server)
    pool = engine(server.url("warehouse"))
    migrate(pool)
    with connect_raw(server.url("warehouse")) as connection:
        connection.execute(FILL.encode())
    pool.dispose()


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that a test may restore into."""
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    _start_filled(server, monkeypatch)
    yield server
    engine(server.url("warehouse")).dispose()


def _content(server: Server) -> dict[str, str]:
    """A checksum of every table but the instance's own, by name."""
    with connect_raw(server.url("warehouse")) as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema', 'landing') and tablename not in ('instance', 'backups')"
        ).fetchall()
        content = {}
        for (table,) in tables:
            digest = f"select md5(coalesce(string_agg(line::text, ',' order by line::text), '')) from {table} as line"
            (content[table],) = connection.execute(digest).fetchone() or ("",)
    return content


def _instance(server: Server) -> object:
    with engine(server.url("warehouse")).connect() as connection:
        return connection.execute(sa.select(INSTANCE.c.instance_id)).scalar_one()


def test_a_restored_warehouse_is_equal_but_is_another_instance(own: Server, tmp_path: Path) -> None:
    file = tmp_path / "march.backup"
    before, instance = _content(own), _instance(own)
    said: list[str] = []
    backup(file, now=NOW, progress=said.append)
    assert any("pii.customers" in line for line in said)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["march.backup"]

    with connect_raw(own.url("warehouse")) as connection:
        connection.execute("delete from pii.customers; create table marts.later as select 1 as one; drop table marts.nps_current")
        connection.execute("insert into ops.bands values ('tenure', 'new', 1, 0, 30)")
    assert _content(own) != before

    new_instance = restore(file, yes=True, progress=said.append)
    assert _content(own) == before
    assert _instance(own) == new_instance
    assert new_instance != instance
    with connect_raw(own.url("warehouse")) as connection:
        assert connection.execute("select to_regclass('landing.in_hand')").fetchone() == (None,)
        assert connection.execute("insert into ops.batch_events (batch_id, to_status, actor, recorded_at) values (1, 'x', 'x', now())")
        connection.execute("set role bi_reader")
        assert connection.execute("select nps from marts.nps_current").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from pii.customers")
    with connect_raw(own.url("postgres")) as connection:
        names = {row[0] for row in connection.execute("select datname from pg_database where datallowconn").fetchall()}
    assert names == {"postgres", "template1", "warehouse", "airflow"}


def test_a_reader_is_disconnected_but_a_writer_is_not(own: Server, tmp_path: Path) -> None:
    file = tmp_path / "march.backup"
    backup(file, now=NOW)
    reader = connect_raw(own.url("warehouse"))
    reader.execute("select count(*) from pii.customers")
    with connect_raw(own.url("warehouse")) as writer:
        writer.execute("delete from pii.customers")
        with pytest.raises(ShopkeeperError, match=r"somebody is writing to it: shopkeeper \(process \d+\)"):
            restore(file, yes=True)
        writer.rollback()
    pool = engine(own.url("warehouse"))
    with locks.exclusive(pool, locks.MARTS), pytest.raises(ShopkeeperError, match="somebody is writing"):
        restore(file, yes=True)
    restore(file, yes=True)
    with pytest.raises(psycopg.OperationalError):
        reader.execute("select 1")
    reader.close()


def test_what_cannot_be_restored_changes_nothing(own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, instance = _content(own), _instance(own)
    file = tmp_path / "march.backup"
    backup(file, now=NOW)
    with pytest.raises(ShopkeeperError, match="is there already"):
        backup(file, now=NOW)
    with pytest.raises(ShopkeeperError, match="add --yes"):
        restore(file)
    with pytest.raises(ShopkeeperError, match="no such file"):
        restore(tmp_path / "april.backup", yes=True)
    (tmp_path / "notes.txt").write_text("not a backup")
    with pytest.raises(ShopkeeperError, match="pg_restore failed"):
        restore(tmp_path / "notes.txt", yes=True)
    (tmp_path / "cut.backup").write_bytes(file.read_bytes()[:-20_000])
    with pytest.raises(ShopkeeperError, match="pg_restore failed"):
        restore(tmp_path / "cut.backup", yes=True)
    with monkeypatch.context() as patch:
        patch.setenv("WAREHOUSE_URL", own.url("airflow"))
        backup(tmp_path / "other.backup", now=NOW)
        with pytest.raises(ShopkeeperError, match="WAREHOUSE_URL: is set"):
            restore(file, yes=True)
    with pytest.raises(ShopkeeperError, match="is no backup of a warehouse"):
        restore(tmp_path / "other.backup", yes=True)
    with pytest.raises(ShopkeeperError, match="cannot be written"):
        backup(tmp_path / "nowhere" / "x.backup", now=NOW)
    assert _content(own) == before
    assert _instance(own) == instance


def test_a_backup_of_the_older_version_restores_into_the_newest(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to a new major version of Postgres, whose server cannot read the old data folder."""
    older, newest = Server(folder / "cluster", 16, is_disposable=True), Server(folder / "newest", is_disposable=True)
    _start_filled(older, monkeypatch)
    before = _content(older)
    backup(tmp_path / "old.backup", now=NOW)
    older.stop()
    newest.start()
    try:
        restore(tmp_path / "old.backup", yes=True, server=newest)
        assert _content(newest) == before
    finally:
        newest.stop()


@pytest.mark.slow
def test_whoever_was_erased_since_is_erased_in_a_restored_backup_too(own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup is as old as it is: restored without the list it would undo every erasure since."""
    company = Company(name="Small", timezone="UTC", currency="EUR")
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    pool, file = engine(own.url("warehouse")), tmp_path / "march.backup"
    put(pool, "customers", [customer("CUST-00077", full_name="Aoife Quill"), customer("C1")], source="other")
    put(pool, "interactions", [interaction("I77", "CUST-00077", NOW), interaction("I1", "C1", NOW)])
    backup(file, now=NOW)
    done = erase(pool, company, "CUST-00077", Asked("a letter", "ann", NOW, tmp_path / "home"), is_dry_run=False)
    assert done.backups == (f"{file} (2026-03-01 00:00 UTC)",)
    for forgets in (False, True):  # the second time the warehouse is lost too, and only the file beside it knows
        if forgets:
            with connect_raw(own.url("warehouse")) as connection:
                connection.execute("truncate pii.erasure_list, quality.erasures")
        pool.dispose()
        restore(file, yes=True, replay=lambda restored: replay(restored, company))
        with connect_raw(own.url("warehouse")) as connection:
            assert connection.execute("select customer_id from raw.customers").fetchall() == [("C1",)]
            assert connection.execute("select interaction_id from raw.interactions").fetchall() == [("I1",)]
            assert connection.execute("select count(*) from pii.customers where full_name = 'Aoife Quill'").fetchone() == (0,)
            assert connection.execute("select reason from quality.erasures").fetchall() == [("a letter",)]
            assert connection.execute("select file from ops.backups").fetchall() == [(str(file),)]
