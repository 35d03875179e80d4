"""Read what a company folder maps, and make a batch of it for each entity and source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.sources import databases, files
from shopkeeper.sources.joined import Joined
from shopkeeper.sources.shape import Columns, shape, wanted
from shopkeeper.warehouse import batches, loader, locks
from shopkeeper.warehouse.batches import BatchResult
from shopkeeper.warehouse.engine import connect_raw, engine
from shopkeeper.warehouse.entities import ENTITIES, Group
from shopkeeper.warehouse.landing import Landing
from shopkeeper.warehouse.rows import Shape
from shopkeeper.warehouse.typing import literal

Progress = Callable[[str], None]


class Interval(NamedTuple):
    """A span of time (start, end]."""

    start: datetime
    end: datetime


class IngestFailed(ShopkeeperError):
    """Some sources could not be read; `loaded` are the batches of those that could."""

    def __init__(self, problems: Sequence[Problem], loaded: list[BatchResult]) -> None:
        super().__init__(problems)
        self.loaded = loaded


def ingest(
    folder: CompanyFolder,
    *,
    groups: Sequence[Group] | None = None,
    interval: Interval | None = None,
    now: datetime,
    run_id: str | None = None,
    progress: Progress | None = None,
    wait_seconds: float = 600,
) -> list[BatchResult]:
    """Load every mapped entity (of some groups); one batch each, landed and waiting for its gate.

    `interval` is the run's (start, end]; None means up to `now`. What is read reaches from the first moment not yet
    covered (less the overlap) to its end; an interval that ends before what is covered is a backfill and read as it
    is. Raises IngestFailed, a ShopkeeperError, with every source that could not be read; the others are loaded then.
    """
    problems: list[Problem] = []
    loaded: list[BatchResult] = []
    with ExitStack() as stack:
        joined: dict[str, Joined | None] = {}
        for source_name, source, entity, mapping in folder.mappings():
            if groups is not None and ENTITIES[entity].group not in groups:
                continue
            try:
                if source.files and source_name not in joined:
                    joined[source_name] = None
                    joined[source_name] = stack.enter_context(Joined(source.files, f"sources.yml › {source_name} › files"))
                if source.files and joined[source_name] is None and not mapping.path:
                    continue  # its files are a problem already
                with locks.exclusive(engine(), batches.lock_name(entity, source_name), wait_seconds=wait_seconds):
                    one = _One(folder, source_name, entity, now=now, run_id=run_id, progress=progress, joined=joined.get(source_name))
                    loaded.append(one.load(interval))
            except ShopkeeperError as error:
                problems += error.problems
    if problems:
        raise IngestFailed(problems, loaded)
    return loaded


def retry_rejected(folder: CompanyFolder, entity: str, now: datetime, run_id: str | None = None) -> list[BatchResult]:
    """Type the open rejects of an entity again under today's settings: one batch of kind retry per source that has any."""
    if entity not in ENTITIES:
        raise fail(entity, "is no entity", f"entities are {', '.join(ENTITIES)}")
    loaded = []
    for source_name, _, mapped, _ in folder.mappings():
        if mapped == entity:
            with locks.exclusive(engine(), batches.lock_name(entity, source_name), wait_seconds=600):
                batch = _One(folder, source_name, entity, now=now, run_id=run_id).retry()
            loaded += [batch] if batch else []
    return loaded


class _One:
    """One entity from one source."""

    def __init__(
        self,
        folder: CompanyFolder,
        source_name: str,
        entity: str,
        *,
        now: datetime,
        run_id: str | None,
        progress: Progress | None = None,
        joined: Joined | None = None,
    ) -> None:
        self.folder, self.source_name, self.entity, self.now, self.run_id = folder, source_name, entity, now, run_id
        self.source = folder.sources[source_name]
        self.mapping = self.source.entities[entity]
        self.where = f"sources.yml › {source_name} › entities › {entity}"
        self.joined = joined
        self.note: Progress = (lambda text: progress(f"{source_name} › {entity}: {text}")) if progress else (lambda text: None)

    def load(self, interval: Interval | None) -> BatchResult:
        kind, window = self._window(interval)
        windowed = databases.is_windowed(self.mapping)
        with self._transaction() as connection:
            landing = Landing(connection, self.entity)
            seen = self._pour(landing, window if windowed else None)
            columns = Columns(seen, self._columns_before(connection))
            batch = loader.load(
                landing,
                self._shape(landing, columns, window if self.mapping.path else None),
                kind=kind,
                window=window if windowed else None,
                covers=window if windowed else (batches.EARLIEST, window[1]),
                now=self.now,
                run_id=self.run_id,
                details=columns.details(),
            )
        self.note(f"{batch.rows_in:,} rows: {batch.accepted:,} accepted, {batch.unchanged:,} unchanged, {batch.rejected:,} rejected")
        return batch

    def retry(self) -> BatchResult | None:
        with self._transaction() as connection:
            landing = Landing(connection, self.entity)
            before = self._columns_before(connection) or []
            if not self._land_rejects(landing, before):
                landing.run(f"drop table {landing.table}")
                return None
            plan = replace(self._shape(landing, Columns(list(landing.columns), before)), full_snapshot=False)
            return loader.load(landing, plan, kind="retry", window=None, covers=None, now=self.now, run_id=self.run_id, details={})

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """The one transaction of a batch. A database's message may quote the row at fault, so only its kind is told."""
        try:
            with connect_raw() as connection, connection.transaction():
                yield connection
        except psycopg.Error as error:
            what = f"the warehouse gave up: {type(error).__name__} {error.sqlstate or ''}".rstrip()
            raise fail(self.where, what, "see the warehouse's log") from None

    def _shape(self, landing: Landing, columns: Columns, window: batches.Span | None = None) -> Shape:
        extra = landing.columns.get(files.EXTRA) if self.mapping.path else None
        return shape(self.folder, self.source_name, self.entity, landing, columns, where=self.where, window=window, extra_document=extra)

    def _window(self, interval: Interval | None) -> tuple[str, batches.Span]:
        """The kind of the batch, and what to read: up to the interval's end from what is covered, or a backfill's own interval."""
        end = interval.end if interval else self.now
        with engine().connect() as connection:
            spans = batches.covered(connection, self.entity, self.source_name)
        overlap = timedelta(hours=self.mapping.overlap_hours)
        if spans and end < spans[-1][1]:
            return "backfill", (interval.start if interval else end - overlap, end)
        return "snapshot" if self.mapping.full_snapshot else "window", batches.next_window(spans, end, overlap)

    def _pour(self, landing: Landing, window: batches.Span | None) -> set[str]:
        """Land everything there is to read; returns the source columns."""
        if self.mapping.path:
            return self._pour_files(landing, self.mapping.path)
        zone = self.mapping.timezone or self.source.timezone
        if self.joined:
            with databases.connect(self.joined.url, self.where) as connection:
                columns = databases.pour(connection, landing, self.mapping, window, zone=zone, where=self.where, note=self.note)
            self.joined.pour_faults(landing, self.mapping.query or self.mapping.table or "")
            return set(columns)
        assert self.source.connection is not None
        with databases.connect(self.source.connection, self.where) as connection:
            return set(databases.pour(connection, landing, self.mapping, window, zone=zone, where=self.where, note=self.note))

    def _pour_files(self, landing: Landing, path: str) -> set[str]:
        found = files.found(path, self.where)
        seen: set[str] = set()
        for file in found:
            needed = wanted(ENTITIES[self.entity], self.mapping)
            seen.update(
                files.pour(landing, file, self.mapping, wanted=needed, ignore=self.mapping.ignore, where=self.where, note=self.note)
            )
        return seen

    def _columns_before(self, connection: psycopg.Connection[Any]) -> list[str] | None:
        """The columns that the source had at its last batch, and those it had dropped by then."""
        last = connection.execute(
            "select details from ops.batches where entity = %s and source = %s and details ? 'columns' order by batch_id desc limit 1",
            [self.entity, self.source_name],
        ).fetchone()
        return [*last[0]["columns"], *last[0].get("columns_dropped", [])] if last else None

    def _land_rejects(self, landing: Landing, before: list[str]) -> int:
        """Land the payloads of the open rejects again, each as the row it was."""
        of_source = f"entity = {literal(self.entity)} and source = {literal(self.source_name)} and closed_by_batch_id is null"
        keys = landing.run(
            f"select distinct key from rejected.rows, jsonb_object_keys(payload) as key where {of_source} and not payload ? '_cells'"
        ).fetchall()
        columns = sorted({*before, *(key for (key,) in keys)} - {"_row"})  # a payload leaves out columns without a value
        placed = landing.run(f"select file from rejected.rows where {of_source} group by file order by max(last_batch_id), file").fetchall()
        for (file,) in placed:
            landed = landing.begin(file)
            names = "".join(f", {landing.column(column)}" for column in columns)
            values = "".join(f", payload ->> {literal(column)}" for column in columns)
            landed.rows = landing.run(
                f"""
                insert into {landing.table} (_row, _retry_of, _fault, _cells {names})
                select row_number, payload_hash, case when payload ? '_cells' then reason end, payload -> '_cells' {values}
                from rejected.rows where {of_source} and file is not distinct from {literal(file)}
                """
            ).rowcount
        return landing.rows
