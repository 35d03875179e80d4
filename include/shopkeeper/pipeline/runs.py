"""What ran, when, and how it ended: one row in `ops.runs` per run of a step, from the scheduler or the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.tables import RUNS

ABANDONED = "its process ended without a word, as after kill -9 or a crash"


@contextmanager
def recorded(engine: sa.Engine, *, run_id: str, step: str, dag_id: str, clock: Callable[[], datetime]) -> Iterator[dict[str, Any]]:
    """Record the block as one run; what it puts into the yielded dict (JSON values) becomes the summary.

    The run holds a lock of its own while it is alive, so that `close_abandoned` can tell a run at work from
    one that was killed. A failure is recorded with `reason(error)` and raised on.
    """
    with locks.exclusive(engine, _lock(run_id)):
        close_abandoned(engine, now=clock())
        row = {"run_id": run_id, "step": step, "dag_id": dag_id, "started_at": clock(), "status": "running", "summary": {}}
        fresh = {**row, "ended_at": None}
        with engine.begin() as connection:
            connection.execute(insert(RUNS).values(fresh).on_conflict_do_update(index_elements=["run_id"], set_=fresh))
        summary: dict[str, Any] = {}
        try:
            yield summary
        except BaseException as error:  # a timeout of the scheduler is no Exception, and must be recorded too
            _end(engine, run_id, "failed", {**summary, **_explained(error)}, clock())
            raise
        _end(engine, run_id, "succeeded", summary, clock())


def record_failure(engine: sa.Engine, *, run_id: str, step: str, dag_id: str, why: str, now: datetime) -> None:
    """Make sure that a failed run is on record, also where it ended before or after its own recording."""
    row = {"run_id": run_id, "step": step, "dag_id": dag_id, "started_at": now, "ended_at": now, "status": "failed"}
    failed = {"status": "failed", "ended_at": now, "summary": RUNS.c.summary.op("||")(sa.cast({"reason": why}, RUNS.c.summary.type))}
    statement = insert(RUNS).values({**row, "summary": {"reason": why}})
    with engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run_id"], set_=failed, where=RUNS.c.status == "running"),
        )


def close_abandoned(engine: sa.Engine, *, now: datetime) -> int:
    """Mark as failed the runs whose process is gone: recorded as running, but their lock is free. Returns how many."""
    statement = sa.text(
        """
        update ops.runs
        set status = 'failed', ended_at = :now, summary = summary || jsonb_build_object('reason', cast(:why as text))
        where case when status = 'running' then pg_try_advisory_xact_lock(hashtextextended('shopkeeper.run/' || run_id, 0)) else false end
        """
    )
    with engine.begin() as connection:
        return connection.execute(statement, {"now": now, "why": ABANDONED}).rowcount


def reason(error: BaseException) -> str:
    """Why a step failed, fit for logs and tables: our own messages whole, of all others the kind alone.

    A database's message about data or constraints quotes the row at fault, so of those only the SQLSTATE is kept.
    """
    if isinstance(error, ShopkeeperError):
        return str(error)
    cause: Any = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None)
    if code is None:
        return type(cause).__name__
    quotes_values = code[:2] in ("22", "23", "P0")
    message = "" if quotes_values else f": {cause.diag.message_primary}"
    return f"{type(cause).__name__} (SQLSTATE {code}){message}"


def _explained(error: BaseException) -> dict[str, Any]:
    problems = [asdict(problem) for problem in error.problems] if isinstance(error, ShopkeeperError) else []
    return {"reason": reason(error)} | ({"problems": problems} if problems else {})


def _lock(run_id: str) -> str:
    return f"run/{run_id}"


def _end(engine: sa.Engine, run_id: str, status: str, summary: dict[str, Any], now: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.run_id == run_id).values(status=status, ended_at=now, summary=summary))
