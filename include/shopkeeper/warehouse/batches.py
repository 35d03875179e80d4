"""Batches: what each brought, which may be read, and what has been covered. Every move is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse.tables import BATCH_EVENTS, BATCH_STATUSES, BATCHES, RAW

# Versions in these batches count when a row is compared with what is there; the rows of others must be loadable again.
LIVE = ("landed", "passed", "waived")
MOVES = {"landed": ("passed", "failed"), "failed": ("waived",), "passed": ("withdrawn",), "waived": ("withdrawn",)}
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BatchResult:
    """One batch. rows_in = accepted + unchanged + rejected; `deleted` keys come on top."""

    batch_id: int
    entity: str
    source: str
    kind: str
    interval_start: datetime | None
    interval_end: datetime | None
    loaded_at: datetime
    rows_in: int
    accepted: int
    unchanged: int
    rejected: int
    deleted: int
    status: str
    reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None


def lock_name(entity: str, source: str) -> str:
    """Loading from one source into one entity, and judging what was loaded, exclude each other."""
    return f"ingest/{source}/{entity}"


def list_batches(engine: sa.Engine, *, entity: str | None = None, status: str | None = None, limit: int | None = None) -> list[BatchResult]:
    """Batches, newest first."""
    if status is not None and status not in BATCH_STATUSES:
        raise fail("status", f"{status} is no status of a batch", f"use one of {', '.join(BATCH_STATUSES)}")
    columns = [column for column in BATCHES.c if column.name != "attempt"]
    query = sa.select(*columns).order_by(BATCHES.c.batch_id.desc()).limit(limit)
    if entity is not None:
        query = query.where(BATCHES.c.entity == entity)
    if status is not None:
        query = query.where(BATCHES.c.status == status)
    with engine.connect() as connection:
        return [BatchResult(**row) for row in connection.execute(query).mappings()]


def waive(engine: sa.Engine, batch_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Let a failed batch be read all the same. Raises ShopkeeperError when it has not failed."""
    with engine.begin() as connection:
        set_status(connection, batch_id, "waived", reason=reason, actor=actor, now=now)


def withdraw(engine: sa.Engine, batch_id: int, *, reason: str, actor: str, now: datetime) -> None:
    """Take a passed or waived batch out of what is read; its window is read again by the next run."""
    with engine.begin() as connection:
        set_status(connection, batch_id, "withdrawn", reason=reason, actor=actor, now=now)


def set_status(connection: sa.Connection, batch_id: int, status: str, *, reason: str | None, actor: str, now: datetime) -> None:
    """Move a batch: landed → passed or failed, failed → waived, passed or waived → withdrawn; inside the caller's transaction.

    Waits for a load of the same entity and source, which compares its rows with the batches that count.
    Raises ShopkeeperError for an unknown batch, a move that is none of these, or a waiver or withdrawal without a reason.
    """
    where = f"batch {batch_id}"
    batch = connection.execute(sa.select(BATCHES.c.entity, BATCHES.c.source).where(BATCHES.c.batch_id == batch_id)).one_or_none()
    if batch is None:
        raise fail(where, "there is no such batch", "./shopkeeper batch list shows them")
    if status in ("waived", "withdrawn") and not (reason or "").strip():
        raise fail(where, f"cannot be {status} without a reason", "say why with --reason")
    lock = sa.func.hashtextextended(f"shopkeeper.{lock_name(batch.entity, batch.source)}", 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    before = connection.scalar(sa.select(BATCHES.c.status).where(BATCHES.c.batch_id == batch_id).with_for_update())
    if status not in MOVES.get(str(before), ()):
        allowed = " or ".join(MOVES.get(str(before), ())) or "nothing else"
        raise fail(where, f"is {before} and cannot become {status}", f"a {before} batch can become {allowed}")
    connection.execute(sa.update(BATCHES).where(BATCHES.c.batch_id == batch_id).values(status=status, reason=reason))
    record(connection, batch_id, before, status, reason=reason, actor=actor, now=now)
    _reopen_or_close_rejects(connection, batch_id, batch.entity, batch.source, status)


def record(
    connection: sa.Connection, batch_id: int, before: str | None, after: str, *, reason: str | None, actor: str, now: datetime
) -> None:
    """Append to the list of who moved which batch, when and why."""
    connection.execute(
        sa.insert(BATCH_EVENTS).values(batch_id=batch_id, from_status=before, to_status=after, reason=reason, actor=actor, recorded_at=now)
    )


def _reopen_or_close_rejects(connection: sa.Connection, batch_id: int, entity: str, source: str, status: str) -> None:
    """A reject that a batch closed is open again while that batch does not count."""
    if status in ("failed", "withdrawn"):
        connection.execute(
            sa.text("update rejected.rows set closed_by_batch_id = null where closed_by_batch_id = :batch_id"), {"batch_id": batch_id}
        )
    elif status == "waived":
        table = RAW[entity]
        connection.execute(
            sa.text(
                f"""
                update rejected.rows set closed_by_batch_id = :batch_id
                where entity = :entity and source = :source and closed_by_batch_id is null
                    and ops.stable_id(:namespace, natural_key) in (select _key from {table.fullname} where _batch_id = :batch_id)
                """
            ),
            {"batch_id": batch_id, "entity": entity, "source": source, "namespace": f"{entity}:{source}"},
        )


# --- coverage ---------------------------------------------------------------------------------------------------------

Span = tuple[datetime, datetime]


def covered(connection: sa.Connection, entity: str, source: str) -> list[Span]:
    """The spans (start, end] that have been read, in order and apart from each other; what lies between them is a gap.

    A batch's window counts from its landing on. It stops counting when the batch fails or is withdrawn, until it
    is waived or read again after that moment: rows that a later batch found unchanged may stand in this one alone.
    """
    moves = connection.execute(
        sa.text(
            """
            select coverage.covered_from, coverage.covered_to, batch_events.to_status
            from ops.coverage
            inner join ops.batch_events using (batch_id)
            where coverage.entity = :entity and coverage.source = :source
            order by batch_events.event_id
            """
        ),
        {"entity": entity, "source": source},
    )
    spans: list[Span] = []
    for start, end, status in moves.tuples():
        window: Span = (start, end)
        if status in ("failed", "withdrawn"):
            spans = _without(spans, window)
        elif status in ("landed", "waived"):
            spans = _with(spans, window)
    return spans


def gaps(connection: sa.Connection, entity: str, source: str) -> list[Span]:
    """Spans that have not been read although later ones have."""
    spans = covered(connection, entity, source)
    ends = [EARLIEST, *(end for _, end in spans)]
    return [(end, start) for end, (start, _) in zip(ends, spans, strict=False) if end < start]


def next_window(spans: Sequence[Span], end: datetime, overlap: timedelta) -> Span:
    """The window to read up to `end`: from the first moment not yet covered, and `overlap` before it."""
    start = spans[0][1] if spans and spans[0][0] <= EARLIEST else EARLIEST
    return (max(start - overlap, EARLIEST) if start > EARLIEST else EARLIEST, end)


def _with(spans: list[Span], new: Span) -> list[Span]:
    start, end = new
    apart = []
    for span in spans:
        if span[1] < start or end < span[0]:
            apart.append(span)
        else:
            start, end = min(start, span[0]), max(end, span[1])
    return sorted([*apart, (start, end)])


def _without(spans: list[Span], gone: Span) -> list[Span]:
    rest = []
    for start, end in spans:
        rest += [span for span in ((start, min(end, gone[0])), (max(start, gone[1]), end)) if span[0] < span[1]]
    return rest
