"""The gates: each batch that has landed and each publication that has been built is judged before anyone uses it.

A failed critical check stops the batch or the publication; a failed warning goes on record and the work goes on.
What was found is in `quality.gate_results`, with failing keys and never values. `quality.validations` keeps the newest
judgement of each entity and source, and of the newest build, for the Data Docs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import GateFailed, Problem, fail
from shopkeeper.quality.facts import batch_facts
from shopkeeper.quality.judge import CRITICAL, EXPECTATIONS, Check, Validation, open_judge, read_suites
from shopkeeper.warehouse.batches import set_status
from shopkeeper.warehouse.tables import BATCHES, BUILDS, GATE_RESULTS, VALIDATIONS

ACTOR = "gate"
NEXT = {"marts": "marts_next", "frontline": "frontline_next"}  # where a table of a publication is before it is published
Note = Callable[[str], None]


@dataclass(frozen=True)
class GateSummary:
    """Batches by verdict. `warnings` counts failed warnings, in passed and failed batches alike."""

    passed: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    warnings: int = 0


def gate_batches(
    engine: sa.Engine,
    *,
    now: datetime,
    batch_ids: Sequence[int] | None = None,
    note: Note | None = None,
    expectations: Path = EXPECTATIONS,
) -> GateSummary:
    """Judge the batches in status landed (or those among `batch_ids`), and set each to passed or failed.

    Each batch is judged on its own rows and on facts about it as a whole, and recorded in one transaction: a killed
    gate leaves the rest landed, for the next run. A batch that somebody else has judged meanwhile is left alone.
    """
    summary = GateSummary()
    landed = _landed(engine, batch_ids)
    if not landed:
        return summary
    with open_judge(engine, expectations) as judge:
        for batch in landed:
            validations = (
                judge.validate(
                    f"raw_{batch.entity}",
                    f"select * from raw.{batch.entity} where _batch_id = {batch.batch_id:d} and not _is_deleted",
                    about=f"batch-{batch.batch_id}-rows",
                    now=now,
                ),
                judge.validate(
                    "batch",
                    batch_facts(batch.batch_id),
                    about=f"batch-{batch.batch_id}-facts",
                    now=now,
                ),
            )
            if status := _record_batch(engine, batch, validations, now):
                summary = _add(summary, batch.batch_id, _checks(validations))
                if note:
                    note(f"batch {batch.batch_id}, {batch.entity} from {batch.source}: {status}")
    return summary


def gate_publication(
    engine: sa.Engine, build_id: int, now: datetime, expectations: Path = EXPECTATIONS, *, in_docs: bool = True, note: Note | None = None
) -> GateSummary:
    """Judge what a build has made in `marts_next` and `frontline_next`. Judging it again replaces what was found before.

    `in_docs` False leaves the Data Docs to what was judged last. Raises GateFailed, with every critical check that failed, after
    recording them; what is published stays.
    """
    with engine.connect() as connection:
        status = connection.scalar(sa.select(BUILDS.c.status).where(BUILDS.c.build_id == build_id))
    if status != "built":
        raise fail(f"build {build_id}", f"is {status or 'not there'}, so there is nothing to judge", "run the build again from its start")
    there = {schema: _tables(engine, next_one) for schema, next_one in NEXT.items()}
    validations, missing = [], []
    with open_judge(engine, expectations) as judge:
        for suite in read_suites(expectations).values():
            schema, _, table = suite.table.partition(".")
            if schema not in NEXT:
                continue
            if table not in there[schema]:
                missing.append((suite.name, _missing(suite.table)))
                continue
            query = f'select * from {NEXT[schema]}."{table}"'
            validations.append(judge.validate(suite.name, query, about=f"build-{build_id}-{table}", now=now))
            if note:
                note(f"{table}: {sum(not check.succeeded for check in validations[-1].checks)} of {suite.expectations} checks failed")
    results = [(validation.suite, check) for validation in validations for check in validation.checks] + missing
    with engine.begin() as connection:
        connection.execute(sa.delete(GATE_RESULTS).where(GATE_RESULTS.c.build_id == build_id))
        if in_docs:
            connection.execute(sa.delete(VALIDATIONS).where(VALIDATIONS.c.subject == "publication"))
        _record(connection, "publication", results, validations if in_docs else (), now, build_id=build_id)
    stopping = [(suite, check) for suite, check in results if check.stops]
    if stopping:
        raise GateFailed([_problem(f"build {build_id}, {suite}", check) for suite, check in stopping])
    return GateSummary(warnings=sum(not check.succeeded for _, check in results))


def _missing(table: str) -> Check:
    return Check("table_exists", None, f"{table} is part of every publication.", CRITICAL, False, None, None, [], "it was not built")


def _tables(engine: sa.Engine, schema: str) -> set[str]:
    return set(sa.inspect(engine).get_table_names(schema))


def _landed(engine: sa.Engine, batch_ids: Sequence[int] | None) -> Sequence[Any]:
    # Customers first: answers are held against the customers that have come with them.
    order = (BATCHES.c.entity != "customers", BATCHES.c.batch_id)
    query = sa.select(BATCHES.c.batch_id, BATCHES.c.entity, BATCHES.c.source).where(BATCHES.c.status == "landed").order_by(*order)
    if batch_ids is not None:
        query = query.where(BATCHES.c.batch_id.in_(batch_ids))
    with engine.connect() as connection:
        return connection.execute(query).all()


def _record_batch(engine: sa.Engine, batch: Any, validations: Sequence[Validation], now: datetime) -> str | None:
    """The batch's new status, or None when somebody else has judged it meanwhile."""
    results = [(validation.suite, check) for validation in validations for check in validation.checks]
    stopping = [check for _, check in results if check.stops]
    status = "failed" if stopping else "passed"
    reason = " ".join(check.description for check in stopping) or None
    same = sa.select(BATCHES.c.batch_id).where(BATCHES.c.entity == batch.entity, BATCHES.c.source == batch.source)
    with engine.begin() as connection:
        if connection.scalar(sa.select(BATCHES.c.status).where(BATCHES.c.batch_id == batch.batch_id)) != "landed":
            return None
        set_status(connection, batch.batch_id, status, reason=reason, actor=ACTOR, now=now)
        connection.execute(sa.delete(VALIDATIONS).where(VALIDATIONS.c.batch_id.in_(same)))
        _record(connection, "batch", results, validations, now, batch_id=batch.batch_id)
    return status


def _record(
    connection: sa.Connection,
    subject: str,
    results: Iterable[tuple[str, Check]],
    validations: Iterable[Validation],
    now: datetime,
    **ids: int,
) -> None:
    found = [
        {
            "subject": subject,
            "suite": suite,
            "expectation": check.expectation,
            "column_name": check.column,
            "description": check.description,
            "severity": check.severity,
            "succeeded": check.succeeded,
            "rows_checked": check.rows_checked,
            "rows_failed": check.rows_failed,
            "failing_keys": check.failing_keys,
            "reason": check.reason,
            "checked_at": now,
            **ids,
        }
        for suite, check in results
    ]
    records = [{"subject": subject, "suite": v.suite, "result": v.result, "checked_at": now, **ids} for v in validations]
    if found:
        connection.execute(sa.insert(GATE_RESULTS), found)
    if records:
        connection.execute(sa.insert(VALIDATIONS), records)


def _checks(validations: Iterable[Validation]) -> list[Check]:
    return [check for validation in validations for check in validation.checks]


def _add(summary: GateSummary, batch_id: int, checks: Sequence[Check]) -> GateSummary:
    failed = any(check.stops for check in checks)
    warnings = sum(not check.succeeded and not check.stops for check in checks)
    return GateSummary(
        passed=summary.passed if failed else (*summary.passed, batch_id),
        failed=(*summary.failed, batch_id) if failed else summary.failed,
        warnings=summary.warnings + warnings,
    )


def _problem(where: str, check: Check) -> Problem:
    column = f" ({check.column})" if check.column else ""
    return Problem(f"{where}{column}", f"{check.description} {check.reason or ''}".strip(), "see quality.gate_results for the keys")
