"""The desk's way to the warehouse: one transaction per request, in which Postgres knows for whom it is and shows nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from shopkeeper.warehouse.engine import engine

# A page that takes longer is given up, so that it holds nobody else's.
STATEMENT_TIMEOUT, LOCK_TIMEOUT = "10s", "4s"


@dataclass(frozen=True)
class Me:
    """The employee at the desk, as the directory knows him or her today. `leads`: sees the whole unit.
    `decides`: is one of those who change goals and rules.
    """

    employee_id: str
    org_unit_id: str | None
    unit_path: str | None
    role: str | None
    leads: bool
    locale: str | None
    decides: bool = False


class Access:
    """`url` is a login that is a member of `desk`. Connections are made when they are needed."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def transaction(self, employee_id: str | None) -> Iterator[sa.Connection]:
        """A transaction in which row-level security shows what this employee may see; None sees nobody's.

        Committed at the end, rolled back when the block raises.
        """
        settings = {
            "shopkeeper.employee": employee_id or "",
            "statement_timeout": STATEMENT_TIMEOUT,
            "lock_timeout": LOCK_TIMEOUT,
            # Acknowledged means on disk, whatever the database's default is.
            "synchronous_commit": "on",
        }
        with engine(self._url).begin() as connection:
            given = "unnest(cast(:names as text[]), cast(:values as text[])) as settings (name, value)"
            say = sa.text(f"select set_config(name, value, true) from {given}")
            connection.execute(say, {"names": list(settings), "values": list(settings.values())})
            yield connection

    def me(self, connection: sa.Connection, employee_id: str) -> Me | None:
        """None for somebody who is not known, or who has left."""
        columns = "employee_id, org_unit_id, unit_path, role, leads, locale, decides"
        query = sa.text(f"select {columns} from ops.directory where employee_id = :id and is_here")
        row = connection.execute(query, {"id": employee_id}).mappings().one_or_none()
        return None if row is None else Me(**row)

    def employee_of_address(self, address: str) -> str | None:
        """Whose work address it is; None where nobody has it, or two have."""
        with self.transaction(None) as connection:
            found: str | None = connection.scalar(sa.text("select ops.employee_of_address(:address)"), {"address": address})
            return found
