"""Creates and migrates schemas, tables, roles and grants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.tables import INSTANCE, SCHEMAS

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_SCHEMA, VERSION_TABLE = "ops", "alembic_version"


def migrate(engine: sa.Engine) -> None:
    """Bring the warehouse to the newest revision, in one transaction. Safe to repeat, and for two processes at once.

    Raises ShopkeeperError when the database is no place for a warehouse: not UTF-8, made by a newer version of
    Shopkeeper, or its user may not create roles or schemas.
    """
    roles.create_missing(engine)
    with engine.begin() as connection:
        if upgrade(connection):
            instance = f"insert into {INSTANCE.fullname} (instance_id, registered_at) values (gen_random_uuid(), now())"
            connection.execute(sa.text(f"{instance} on conflict do nothing"))
            for schema in SCHEMAS:
                roles.grant_schema(connection, schema)


def upgrade(connection: sa.Connection) -> bool:
    """Run the revisions that the database lacks, inside the caller's transaction. False when it lacked none."""
    connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('shopkeeper.migrate', 0))"))
    found, newest = _revision(connection), newest_revision()
    if found is None:
        _prepare(connection)
    elif found > newest:
        hint = "use a version of Shopkeeper as new as the one that migrated it"
        raise fail("warehouse", f"is at revision {found}; this version knows only up to {newest}", hint)
    if found == newest:
        return False
    import alembic.command

    alembic.command.upgrade(configuration(connection), "head")
    return True


def is_current(engine: sa.Engine) -> bool:
    """Whether the warehouse is at the newest revision; one that was never migrated is not."""
    with engine.connect() as connection:
        return _revision(connection) == newest_revision()


def newest_revision() -> str:
    """The revision that `migrate` leads to, such as `0002`."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def configuration(connection: sa.Connection) -> Config:
    """Alembic's configuration, on an open connection whose transaction the caller owns."""
    from alembic.config import Config

    configured = Config(attributes={"connection": connection})
    configured.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configured.set_main_option("path_separator", "os")
    configured.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return configured


def _revision(connection: sa.Connection) -> str | None:
    if connection.scalar(sa.text("select to_regclass(:table)"), {"table": f"{VERSION_SCHEMA}.{VERSION_TABLE}"}) is None:
        return None
    revision: str | None = connection.scalar(sa.text(f"select version_num from {VERSION_SCHEMA}.{VERSION_TABLE}"))
    return revision


def _prepare(connection: sa.Connection) -> None:
    """The version table needs its schema before the first revision runs."""
    encoding = connection.scalar(sa.text("show server_encoding"))
    if encoding != "UTF8":
        raise fail("warehouse", f"its encoding is {encoding}", "create the database with encoding UTF8")
    if not connection.scalar(sa.text("select has_database_privilege(current_database(), 'create')")):
        raise fail("warehouse", "its user may not create schemas", "make the user of WAREHOUSE_URL the owner of the database")
    connection.execute(sa.schema.CreateSchema(VERSION_SCHEMA, if_not_exists=True))
