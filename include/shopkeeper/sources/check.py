"""Look before loading: is the company folder sound, do its sources answer, and what would each of them bring?

Nothing is written and no warehouse is needed. Rows are streamed past once; ids to be matched lie in a temporary
database on disk, so memory stays constant.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from shopkeeper.company import config
from shopkeeper.company.load import load
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.sources import databases, files
from shopkeeper.sources.goal_values import columns_to_keep, unknown_values
from shopkeeper.sources.joined import Joined
from shopkeeper.sources.shape import Columns, reading, shape
from shopkeeper.warehouse.batches import EARLIEST
from shopkeeper.warehouse.entities import ENTITIES, Entity, Type
from shopkeeper.warehouse.landing import Fault, Landing
from shopkeeper.warehouse.typing import BLANKS, Reading

TRUE = frozenset({"t", "true", "1", "y", "yes", "on"})
PART = 5000
REFERENCES = {
    "customer_id": "customers",
    "referrer_customer_id": "customers",
    "referred_customer_id": "customers",
    "invitation_id": "survey_invitations",
    "interaction_id": "interactions",
    "product_id": "products",
    "org_unit_id": "org_units",
    "employee_id": "employees",
}

Row = Sequence[str | None] | Fault
Note = Callable[[str], None]


@dataclass(frozen=True)
class Match:
    """How many different ids a column holds, and how many of them the entity that they refer to knows."""

    column: str
    ids: int
    known: int

    @property
    def share(self) -> float | None:
        """None where there are no ids to match."""
        return self.known / self.ids if self.ids else None


@dataclass(frozen=True)
class Brings:
    """What one source would bring of one entity. Counts that do not belong to the entity are None.

    `reachable` are customers with an e-mail address who may be written to; `with_employee` are interactions that
    name one; `matches` are there for references to entities that are mapped; `undeclared` are kept as extra.
    """

    source: str
    entity: str
    rows: int
    unreadable: int
    newest: datetime | None
    delay: timedelta | None
    reachable: int | None = None
    with_employee: int | None = None
    matches: tuple[Match, ...] = ()
    undeclared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """All problems in one list, and what each source that could be read would bring. `notes` are no mistakes, but worth knowing."""

    problems: tuple[Problem, ...]
    brings: tuple[Brings, ...] = ()
    notes: tuple[str, ...] = ()


def check(folder: Path | None = None, environ: Mapping[str, str] = os.environ, *, now: datetime, progress: Note | None = None) -> Report:
    """Check a company folder and everything that it connects to. Never raises for a mistake: it is in the report.

    `now` is what delays are measured against; a source is read whole, whatever has been loaded before.
    """
    try:
        company = load(folder, environ)
    except ShopkeeperError as error:
        return Report(error.problems)
    note = progress or (lambda _: None)
    problems: list[Problem] = []
    counts: list[_Count] = []
    with ExitStack() as stack:
        ids = stack.enter_context(closing(sqlite3.connect("")))  # anonymous: on disk, and gone with the connection
        ids.execute("create table ids (whose text, id text, primary key (whose, id)) without rowid")
        joined: dict[str, Joined | None] = {}
        for source_name, source, entity, _ in company.mappings():
            try:
                if source.files and source_name not in joined:
                    joined[source_name] = None
                    joined[source_name] = stack.enter_context(Joined(source.files, f"sources.yml › {source_name} › files"))
                if source.files and joined[source_name] is None and source.entities[entity].path is None:
                    continue  # its files are a problem already
                count = _Count(company, source_name, entity, ids)
                count.read(joined.get(source_name), now, note)
                counts.append(count)
            except ShopkeeperError as error:
                problems += error.problems
        brings = tuple(count.result(now) for count in counts)
        problems += unknown_values(company.goals, ids)
    return Report(tuple(dict.fromkeys(problems)), brings, tuple(_notes(company, brings)))


def _notes(company: config.CompanyFolder, brings: Sequence[Brings]) -> Iterator[str]:
    if not any(entity == "survey_responses" for _, _, entity, _ in company.mappings()):
        yield "survey_responses is not mapped: there will be no score"
    for each in brings:
        if each.rows == 0:
            yield f"{each.source} › {each.entity} is empty"


@dataclass
class _Count:
    """Counts of one entity from one source, row by row."""

    company: config.CompanyFolder
    source_name: str
    entity_name: str
    ids: sqlite3.Connection
    rows: int = 0
    unreadable: int = 0
    reachable: int = 0
    with_employee: int = 0
    newest: datetime | None = None
    places: dict[str, int] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()

    @property
    def source(self) -> config.Source:
        return self.company.sources[self.source_name]

    @property
    def mapping(self) -> config.Mapping:
        return self.source.entities[self.entity_name]

    @property
    def entity(self) -> Entity:
        return ENTITIES[self.entity_name]

    @property
    def where(self) -> str:
        return f"sources.yml › {self.source_name} › entities › {self.entity_name}"

    def read(self, joined: Joined | None, now: datetime, note: Note) -> None:
        if self.mapping.path:
            self._read_files(self.mapping.path, note)
            return
        url = joined.url if joined else self.source.connection
        assert url is not None
        zone = self.mapping.timezone or self.source.timezone
        with databases.connect(url, self.where) as connection:
            columns, rows = databases.rows(connection, self.mapping, (EARLIEST, now), zone=zone, where=self.where)
            self._understand(columns)
            self._count(rows, note)

    def _read_files(self, path: str, note: Note) -> None:
        opened = []
        for file in files.found(path, self.where):
            try:
                opened.append((*files.rows(file, self.mapping, self.where), file))
            except OSError as error:
                where = f"{self.where} › path"
                raise ShopkeeperError(Problem(where, f"{file} cannot be read ({error.strerror})", "make it readable")) from None
        seen = list(dict.fromkeys(chain.from_iterable(columns for columns, _, _ in opened)))
        self._understand(seen)
        for columns, rows, _ in opened:
            self.places = {column: place for place, column in enumerate(columns)}
            self._count(rows, note)

    def _understand(self, columns: Sequence[str]) -> None:
        """Judge the columns by the loader's own rules. Raises ShopkeeperError for those that are missing."""
        plan = shape(self.company, self.source_name, self.entity_name, _Header(columns), Columns(columns), where=self.where)
        self.places = {column: place for place, column in enumerate(columns)}
        self.undeclared = tuple(sorted(plan.extra))
        self.columns = {canonical: text for canonical, text in plan.texts.items() if canonical not in self.mapping.constants}
        self.reading: Reading = reading(self.company, self.source, self.mapping)
        self.marks = {mark.strip(BLANKS) for mark in self.mapping.missing} | {""}

    def _count(self, rows: Iterator[Row], note: Note) -> None:
        moment = self._moment_column()
        employee = self.columns.get("employee_id")
        ids = [(self._whose(column), self.columns[column]) for column in REFERENCES if column in self.columns]
        batch: list[tuple[str, str]] = []
        named = columns_to_keep(self.company.goals, self.entity_name)
        values = [(whose, self.columns[column], column.endswith("_id")) for whose, column in named if column in self.columns]
        self._keep([(whose, self.mapping.constants[column]) for whose, column in named if column in self.mapping.constants])
        for row in rows:
            self.rows += 1
            if self.rows % 100_000 == 0:
                note(f"{self.source_name} › {self.entity_name}: {self.rows:,} rows")
            if isinstance(row, Fault):
                self.unreadable += 1
                continue
            self.reachable += self.entity_name == "customers" and self._is_reachable(row)
            self.with_employee += self._text(row, employee) is not None
            if text := self._text(row, moment):
                at = self._time(text)
                self.newest = at if at and (self.newest is None or at > self.newest) else self.newest
            for whose, column in ids:
                if text := self._text(row, column):
                    batch.append((whose, text.lower() if self.mapping.lower_case_ids else text))
            for whose, column, is_id in values:
                if text := self._text(row, column):
                    batch.append((whose, text.lower() if is_id and self.mapping.lower_case_ids else text))
            if len(batch) >= PART:
                self._keep(batch)
        self._keep(batch)

    def _whose(self, column: str) -> str:
        """Under which name a column's ids are kept: all keys of an entity together, what refers to them apart."""
        if REFERENCES[column] == self.entity_name and column in self.entity.key:
            return self.entity_name
        return f"{self.source_name} {self.entity_name} {column}"

    def _keep(self, batch: list[tuple[str, str]]) -> None:
        self.ids.executemany("insert or ignore into ids values (?, ?)", batch)
        batch.clear()

    def _text(self, row: Sequence[str | None], column: str | None) -> str | None:
        """The cleaned text of a source column; None where it means no value."""
        place = self.places.get(column) if column else None
        text = row[place].strip(BLANKS) if place is not None and row[place] is not None else ""  # type: ignore[union-attr]
        return None if text in self.marks else text

    def _is_reachable(self, row: Sequence[str | None]) -> bool:
        """With an e-mail address, and without a wish or a reason not to be written to."""
        told = self._text(row, self.columns.get("has_email")) or ""
        has_email = self._text(row, self.columns.get("email")) is not None or told.lower() in TRUE
        opted_out = (self._text(row, self.columns.get("opted_out")) or "").lower() in TRUE
        return has_email and not opted_out and self._text(row, self.columns.get("do_not_contact")) is None

    def _moment_column(self) -> str | None:
        return next((self.columns[name] for name in (self.entity.moment, "updated_at") if name and name in self.columns), None)

    def _time(self, text: str) -> datetime | None:
        """A time as the loader would read it; None where it would not."""
        if self.reading.date_order != "ymd":
            order = r"\3-\2-\1" if self.reading.date_order == "dmy" else r"\3-\1-\2"
            text = re.sub(r"^(\d{2})[-/.](\d{2})[-/.](\d{4})", order, text)
        try:
            at = datetime.fromisoformat(text.replace("/", "-").replace(" UTC", "Z"))
        except ValueError:
            return None
        kind = next((column.type for column in self.entity.columns if column.name == self.entity.moment), Type.TIMESTAMP)
        zone = self.reading.company_timezone if kind is Type.DATE else self.reading.timezone
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))

    def result(self, now: datetime) -> Brings:
        """The counts; asked for once every source has been read, because ids are matched with all customers."""
        return Brings(
            source=self.source_name,
            entity=self.entity_name,
            rows=self.rows,
            unreadable=self.unreadable,
            newest=self.newest,
            delay=now - self.newest if self.newest else None,
            reachable=self.reachable if self.entity_name == "customers" else None,
            with_employee=self.with_employee if self.entity_name == "interactions" else None,
            matches=tuple(self._matches()),
            undeclared=self.undeclared,
        )

    def _matches(self) -> Iterator[Match]:
        mapped = {entity for _, _, entity, _ in self.company.mappings()}
        for column, entity in REFERENCES.items():
            if column in self.columns and entity in mapped and self._whose(column) != entity:
                among = "select count(*) from ids where whose = ?"
                known = f"{among} and id in (select id from ids where whose = ?)"
                yield Match(column, self._scalar(among, self._whose(column)), self._scalar(known, self._whose(column), entity))

    def _scalar(self, sql: str, *whose: str) -> int:
        return int(self.ids.execute(sql, whose).fetchone()[0])


class _Header(Landing):
    """The columns of a source, where no landing table is: their names stand for themselves."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns, self.files = {column: column for column in columns}, []

    def column(self, source_column: str) -> str:
        return source_column
