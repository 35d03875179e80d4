"""A CRM's own database, or one that it reads: two tables that docs/crm-write-back.md shows, in any database SQLAlchemy speaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop.crm.adapter import FIELDS, NUMBERS, TIMES, TRUTHS, WHERE, NotTaken, Record, Task
from shopkeeper.closed_loop.crm.outbox import Kind
from shopkeeper.company.closed_loop import Crm
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.sources.databases import DRIVERS, explained

WORDS = ("crm_id", "crm_state", "crm_close_reason", "crm_owner_employee_id", "crm_changed_at")


class SqlCrm:
    """Some hundred records in one transaction of the CRM's database."""

    size = 200

    def __init__(self, settings: Crm) -> None:
        self.tables: dict[Kind, sa.Table] = {"task": _table("task", settings.tasks), "customer": _table("customer", settings.customers)}
        self.engine = _engine(settings.url)

    def close(self) -> None:
        self.engine.dispose()

    def write(self, kind: Kind, records: Sequence[Record]) -> None:
        table, rows = self.tables[kind], [_row(record) for record in records]
        ids = [row["external_id"] for row in rows]
        newer = sa.update(table).where(table.c.external_id == sa.bindparam("its_id"), table.c.version <= sa.bindparam("its_version"))
        try:
            with self.engine.begin() as connection:
                there: set[str] = set(connection.scalars(sa.select(table.c.external_id).where(table.c.external_id.in_(ids))))
                if known := [
                    {**row, "its_id": row["external_id"], "its_version": row["version"]} for row in rows if row["external_id"] in there
                ]:
                    connection.execute(newer, known)
                if new := [row for row in rows if row["external_id"] not in there]:
                    connection.execute(sa.insert(table), new)
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            raise NotTaken(f"its database refused the record ({type(error.orig).__name__})") from None
        except sa.exc.DBAPIError as error:
            raise explained(error.orig, WHERE) from None

    def tasks(self, external_ids: Sequence[str]) -> list[Task]:
        table = self.tables["task"]
        columns = [table.c[name] for name in ("external_id", "state", "owner_employee_id", *WORDS)]
        try:
            with self.engine.connect() as connection:
                rows = connection.execute(sa.select(*columns).where(table.c.external_id.in_(list(external_ids)))).mappings().all()
        except sa.exc.DBAPIError as error:
            raise explained(error.orig, WHERE) from None
        return [Task(**{**row, "crm_changed_at": _aware(row["crm_changed_at"])}) for row in rows]


def _table(kind: Kind, name: str) -> sa.Table:
    schema, _, plain = name.rpartition(".")
    columns: list[sa.Column[Any]] = [
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger),
        sa.Column("link", sa.Text),
        *(sa.Column(field, _type(field)) for field in FIELDS[kind]),
        *(sa.Column(field, _type(field)) for field in (WORDS if kind == "task" else ())),
    ]
    return sa.Table(plain, sa.MetaData(), *columns, schema=schema or None)


def _type(field: str) -> sa.types.TypeEngine[Any]:
    if field in TIMES or field == "crm_changed_at":
        return sa.DateTime(timezone=True)
    if field in NUMBERS:
        return sa.Integer()
    return sa.Boolean() if field in TRUTHS else sa.Text()


def _row(record: Record) -> dict[str, Any]:
    return {name: datetime.fromisoformat(value) if name in TIMES and value else value for name, value in record.fields().items()}


def _aware(moment: datetime | None) -> datetime | None:
    """Databases that know no time zones are written to in UTC, and so read."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
        settings = {"connect_timeout": 10} if parsed.get_backend_name() in ("postgresql", "mysql", "mariadb") else {}
        return sa.create_engine(parsed, poolclass=sa.NullPool, connect_args=settings)
    except (sa.exc.ArgumentError, ValueError):
        raise _no_url() from None
    except (sa.exc.NoSuchModuleError, ImportError):
        raise fail(f"{WHERE} › url", "there is no driver for that kind of database", "install the driver, or correct the URL") from None


def _no_url() -> ShopkeeperError:
    return fail(f"{WHERE} › url", "is no database URL", "write it as postgresql://user:password@host:5432/database")
