"""The migrations and `tables.py` must tell the same story, and migrating must be safe whoever does it, and however often."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import schema
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.schema import migrate, newest_revision
from shopkeeper.warehouse.tables import INSTANCE, SCHEMAS, metadata

_numbers = itertools.count()

# Everything that a table consists of, as the server itself writes it down.
CATALOGUE = """
select 'column' as kind, format('%I.%I.%I', nspname, relname, attname) as name, concat_ws(
    ' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end, nullif(attidentity, ''), nullif(attgenerated, ''),
    pg_get_expr(adbin, adrelid), col_description(pg_class.oid, attnum)
) as definition
from pg_attribute
join pg_class on pg_class.oid = attrelid
join pg_namespace on pg_namespace.oid = relnamespace
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attnum > 0 and not attisdropped and relkind = 'r' and nspname = any(:schemas)
union all
select 'table', format('%I.%I', nspname, relname), concat_ws(' ', relpersistence, reloptions, obj_description(pg_class.oid))
from pg_class
join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and nspname = any(:schemas)
union all
select 'constraint', format('%s %I', conrelid::regclass, conname), pg_get_constraintdef(oid)
from pg_constraint
where connamespace::regnamespace::text = any(:schemas)
union all
select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
from pg_index
join pg_class on pg_class.oid = indexrelid
where relnamespace::regnamespace::text = any(:schemas)
order by kind, name
"""


@pytest.fixture
def empty(server: Server) -> Iterator[Callable[[], sa.Engine]]:
    """Makes engines on empty databases."""
    made: list[sa.Engine] = []

    def make() -> sa.Engine:
        name = f"empty_{next(_numbers)}"
        server.create_database(name)
        made.append(engine(server.url(name)))
        return made[-1]

    yield make
    for one in made:
        one.dispose()


def _catalogue(one: sa.Engine) -> set[tuple[str, str, str]]:
    query = sa.text(CATALOGUE.replace("::", "\\:\\:"))
    with one.connect() as connection:
        found = {tuple(row) for row in connection.execute(query, {"schemas": list(SCHEMAS)})}
    return {(kind, name, definition) for kind, name, definition in found if "alembic_version" not in name}


def test_migrating_makes_exactly_the_declared_tables(empty: Callable[[], sa.Engine]) -> None:
    """A column that only tables.py has breaks every warehouse that was migrated; to mend it see warehouse/migrations."""
    migrated, declared = empty(), empty()
    migrate(migrated)
    with declared.begin() as connection:
        for name in SCHEMAS:
            connection.execute(sa.schema.CreateSchema(name))
        metadata.create_all(connection)
    have, want = _catalogue(migrated), _catalogue(declared)
    assert sorted(want - have) == [], "not migrated"
    assert sorted(have - want) == [], "not declared"
    assert len(have) > 500


def test_alembic_finds_nothing_to_do(empty: Callable[[], sa.Engine]) -> None:
    migrated = empty()
    migrate(migrated)
    with migrated.connect() as connection:
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, parents: name in SCHEMAS if kind == "schema" else True,
            "compare_server_default": True,
            "version_table_schema": schema.VERSION_SCHEMA,
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_every_schema_is_there_and_says_what_it_holds(warehouse: sa.Engine) -> None:
    with warehouse.connect() as connection:
        found = connection.execute(
            sa.text(
                "select nspname, obj_description(oid) from pg_namespace where nspname not like 'pg\\_%' and nspname <> 'information_schema'"
            )
        )
        comments = {name: comment for name, comment in found if name != "public"}
    assert comments == SCHEMAS


def test_migrating_again_changes_nothing(warehouse: sa.Engine) -> None:
    before = _catalogue(warehouse)
    with warehouse.connect() as connection:
        instance = connection.execute(sa.select(INSTANCE)).one()
    migrate(warehouse)
    assert _catalogue(warehouse) == before
    with warehouse.connect() as connection:
        assert connection.execute(sa.select(INSTANCE)).one() == instance
        assert connection.scalar(sa.text("select version_num from ops.alembic_version")) == newest_revision()


def test_two_migrations_at_once(empty: Callable[[], sa.Engine]) -> None:
    target = empty()
    mistakes: list[BaseException] = []

    def run() -> None:
        try:
            migrate(target)
        except BaseException as error:
            mistakes.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mistakes == []
    with target.connect() as connection:
        assert isinstance(connection.execute(sa.select(INSTANCE.c.instance_id)).scalar_one(), uuid.UUID)


def test_a_failed_migration_leaves_nothing(empty: Callable[[], sa.Engine]) -> None:
    target = empty()
    with target.begin() as connection:
        connection.execute(sa.text("create schema ops"))
        connection.execute(sa.text("create table ops.batches (mine text)"))
    with pytest.raises(sa.exc.ProgrammingError, match="already exists"):
        migrate(target)
    with target.connect() as connection:
        assert sa.inspect(connection).get_schema_names() == ["information_schema", "ops", "public"]
        assert sa.inspect(connection).get_table_names(schema="ops") == ["batches"]


def test_a_warehouse_of_a_newer_version_is_left_alone(warehouse: sa.Engine) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text("update ops.alembic_version set version_num = '9999'"))
    with pytest.raises(ShopkeeperError, match="is at revision 9999"):
        migrate(warehouse)


def test_a_database_in_another_encoding_is_refused(server: Server) -> None:
    with engine(server.url("postgres")).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("create database latin encoding 'LATIN1' locale 'C' template template0"))
    target = engine(server.url("latin"))
    with pytest.raises(ShopkeeperError, match="encoding is LATIN1"):
        migrate(target)
    target.dispose()


def test_a_user_who_may_not_create_is_told(server: Server, empty: Callable[[], sa.Engine]) -> None:
    target = empty()
    migrate(empty())  # the roles are there
    with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("create role visitor login password 'visitor'"))
    visitor = engine(target.url.set(username="visitor", password="visitor").render_as_string(hide_password=False))
    with pytest.raises(ShopkeeperError, match="may not create schemas"):
        migrate(visitor)
    visitor.dispose()
