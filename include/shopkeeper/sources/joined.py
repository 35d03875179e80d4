"""Files side by side as tables of a temporary SQLite database, so that a query can join them."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from shopkeeper.company.config import FileTable
from shopkeeper.errors import fail
from shopkeeper.sources import files
from shopkeeper.warehouse.landing import Fault, Landing

ROWS = 10_000


class Joined:
    """A context: the database is there inside it and deleted afterwards. All columns are texts; missing marks are NULL.

    Lines that could not be read as rows are kept, and land as rejects of each entity whose query uses their table.
    """

    def __init__(self, tables: Mapping[str, FileTable], where: str) -> None:
        self.tables, self.where = tables, where

    def __enter__(self) -> Joined:
        self.folder = tempfile.TemporaryDirectory(prefix="shopkeeper-")
        self.path = Path(self.folder.name) / "files.db"
        try:
            self._fill()
        except BaseException:
            self.folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def _fill(self) -> None:
        connection = sqlite3.connect(self.path)
        try:
            connection.execute("pragma synchronous = off")
            connection.execute("create table _faults (of_table text, file text, row integer, reason text, cells text)")
            for table, given in self.tables.items():
                self._fill_table(connection, table, given)
            connection.commit()
        finally:
            connection.close()

    def _fill_table(self, connection: sqlite3.Connection, table: str, given: FileTable) -> None:
        where, known = f"{self.where} › {table}", list[str]()
        missing = set(given.missing)
        for file in files.found(given.path, where):
            columns, rows = files.rows(file, given, where)
            lower = {column.lower() for column in columns}
            if len(lower) != len(columns):
                raise fail(where, f"{file.name} has columns that differ in case alone", "rename one of them")
            for column in columns:
                if not known:
                    connection.execute(f"create table {table} ({_name(column)} text)")
                elif column not in known:
                    connection.execute(f"alter table {table} add column {_name(column)} text")
                known += [column] if column not in known else []
            statement = f"insert into {table} ({', '.join(map(_name, columns))}) values ({', '.join('?' * len(columns))})"
            good = self._good(connection, table, file.name, rows)
            while part := [[None if cell in missing else cell for cell in row] for row in islice(good, ROWS)]:
                connection.executemany(statement, part)
        if not known:
            raise fail(where, "its files are empty: without a header there are no columns to join by", "put a header into one of them")

    def _good(self, connection: sqlite3.Connection, table: str, file: str, rows: Iterator[Sequence[str | None] | Fault]) -> Iterator[Any]:
        for number, row in enumerate(rows, start=1):
            if isinstance(row, Fault):
                values = (table, file, number, row.reason, json.dumps(list(row.cells)))
                connection.execute("insert into _faults values (?, ?, ?, ?, ?)", values)
            else:
                yield row

    def pour_faults(self, landing: Landing, query: str) -> None:
        """Land what could not be read of the tables that a query (or a table's name) uses."""
        connection = sqlite3.connect(self.path)
        try:
            for table in self.tables:
                if not re.search(rf"\b{table}\b", query, re.IGNORECASE):
                    continue
                for (file,) in connection.execute("select distinct file from _faults where of_table = ? order by file", [table]).fetchall():
                    found = connection.execute(
                        "select cells, reason, row from _faults where of_table = ? and file = ? order by row", [table, file]
                    )
                    faults = (Fault(json.loads(cells), reason, row) for cells, reason, row in found)
                    landing.copy_rows(landing.begin(file), [], faults)
        finally:
            connection.close()


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
