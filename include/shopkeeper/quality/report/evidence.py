"""What the score rests on: every row from source to mart, every check and its result, what was rejected, and how old everything is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.report.flow import Flow, flow
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced_records

LEDGER = """
select batches.entity, batches.source, count(*) as batches, sum(rows_in)::bigint as rows_in, sum(accepted)::bigint as accepted,
    sum(unchanged)::bigint as unchanged, sum(rejected)::bigint as rejected,
    sum(case when build_batches.batch_id is null then accepted else 0 end)::bigint as held_back
from quality.batches
left join quality.build_batches
    on batches.batch_id = build_batches.batch_id and build_batches.build_id = :build_id
where batches.loaded_at <= :known_at
group by batches.entity, batches.source
order by batches.entity, batches.source
"""

ANSWERS = """
select coalesce(excluded_reason, '') as reason, count(*) as answers
from fct_survey_responses
group by 1
order by count(*) desc, 1
"""

# `covered_to` is where reading has come to: the end of the newest window that the build was allowed to use.
AVAILABLE = """
select available.entity, available.is_mapped, available.sources, available.newest_record_at, available.rows_current,
    max(batches.interval_end) as covered_to
from quality.entity_availability as available
left join quality.batches
    on
        available.entity = batches.entity
        and batches.batch_id in (select batch_id from quality.build_batches where build_id = :build_id)
group by available.entity, available.is_mapped, available.sources, available.newest_record_at, available.rows_current
order by available.entity
"""

CHECKS = """
select suite, subject, severity, description, min(reason) as reason,
    sum(case when succeeded then 1 else 0 end)::bigint as passed,
    sum(case when succeeded then 0 else 1 end)::bigint as failed,
    sum(case when succeeded then 0 else rows_failed end)::bigint as rows_failed,
    sum(rows_checked)::bigint as rows_checked
from quality.gate_results
where build_id = :build_id or batch_id in (select batch_id from quality.build_batches where build_id = :build_id)
group by suite, subject, severity, description
order by sum(case when succeeded then 0 else 1 end) > 0 desc, severity, suite, description
"""

DBT = """
select resource_type, status, count(*) as nodes, sum(coalesce(failures, 0))::bigint as failures
from quality.dbt_results
where build_id = :build_id
group by resource_type, status
order by resource_type, status
"""

# What was closed after `known_at` was open then.
REJECTS = """
with known as (select batch_id from quality.batches where loaded_at <= :known_at)
select entity, column_name, reason, count(*) filter (where closing.batch_id is null) as open,
    count(*) filter (where closing.batch_id is not null) as closed,
    (array_agg(natural_key order by natural_key) filter (where natural_key is not null))[1:3] as keys
from quality.rejected_rows
left join known as closing on rejected_rows.closed_by_batch_id = closing.batch_id
where first_batch_id in (select batch_id from known)
group by entity, column_name, reason
order by count(*) desc, entity, column_name, reason
"""


def gates(connection: sa.Connection, build_id: int) -> Page:
    checks = traced_records("gate_results", rows(connection, CHECKS, build_id=build_id), "suite", "description")
    failed = [row for row in checks if row["failed"]]
    stopped = [row for row in failed if row["severity"] == "critical"]
    passed = sum(row["passed"] for row in checks)
    broken = sum(row["failed"] for row in failed)
    columns = (
        Column("suite", "Suite"),
        Column("description", "Check", "words"),
        Column("severity", "Severity"),
        Column("passed", "Passed", "count"),
        Column("failed", "Failed", "count"),
        Column("rows_failed", "Rows failing", "count"),
        Column("rows_checked", "Rows checked", "count"),
    )
    shown = tuple(column for column in columns if column.name not in ("passed", "rows_checked"))
    return Page(
        "gates",
        "Gates",
        "What was checked, and what did not hold?",
        f"{passed:,} checks of batches and of the publication passed, {broken:,} did not; {len(stopped)} of those were critical. A batch"
        " whose critical check fails is left out until somebody waives it and says why.",
        (
            Section(
                "failed",
                "What did not hold",
                "" if failed else "Every check passed.",
                (),
                (Table("gates_failed", "Checks that did not hold", (*shown, Column("reason", "Reason")), failed),),
            ),
            Section(
                "checks", "Every check", "", (), (Table("gates", "Every check", columns, checks, shown=20),), empty="Nothing was checked."
            ),
            Section(
                "dbt",
                "Models and their tests",
                "",
                (),
                (
                    Table(
                        "dbt_results",
                        "Nodes of this build by result",
                        (
                            Column("resource_type", "Kind"),
                            Column("status", "Result"),
                            Column("nodes", "Nodes", "count"),
                            Column("failures", "Failing rows", "count"),
                        ),
                        traced_records("dbt_results", rows(connection, DBT, build_id=build_id), "resource_type", "status"),
                    ),
                ),
                empty="No result of dbt is kept for this build.",
            ),
        ),
    )


def rejected(connection: sa.Connection, known_at: object) -> Page:
    found = [
        row
        | {
            "column_name": row["column_name"] or "whole row",
            "examples": ", ".join(" · ".join(part for part in str(key).split(chr(31)) if part) for key in row["keys"] or []),
        }
        for row in rows(connection, REJECTS, known_at=known_at)
    ]
    still, mended = (sum(row[name] for row in found) for name in ("open", "closed"))
    table = Table(
        "rejected_rows",
        "Rejected rows by reason",
        (
            Column("entity", "Entity"),
            Column("column_name", "Column"),
            Column("reason", "Reason", "code"),
            Column("open", "Open", "count"),
            Column("closed", "Since mended", "count"),
            Column("examples", "For example"),
        ),
        traced_records("rejected_rows", found, "entity", "column_name", "reason"),
        note="They are kept whole, apart from this report, and are tried again with ./shopkeeper retry-rejected ENTITY.",
    )
    return Page(
        "rejected",
        "Rejected",
        "What could not be read?",
        f"{still:,} rows wait to be mended, {mended:,} have been." if found else "No row was rejected.",
        (Section("rejected", "Rows that could not be typed or broke a hard rule", "", (), (table,), empty="None."),),
    )


def lineage(connection: sa.Connection, build: Row) -> Page:
    ledger = rows(connection, LEDGER, build_id=build["build_id"], known_at=build["known_at"])
    answers = rows(connection, ANSWERS)
    available = rows(connection, AVAILABLE, build_id=build["build_id"])
    absent = [row["entity"] for row in available if not row["is_mapped"]]
    excluded = traced_records("excluded_answers", [row for row in answers if row["reason"]], "reason")
    moment = max(build["as_of"], build["known_at"])
    aged = [row | {"days_old": _days_old(row, moment)} for row in available if row["is_mapped"]]
    return Page(
        "lineage",
        "Lineage",
        "Where does the score come from?",
        "Every row that was read is accounted for. What does not reach the score says why.",
        (
            Section(
                "answers",
                "Survey answers",
                "",
                (_way(ledger, answers),),
                (
                    Table(
                        "excluded_answers",
                        "Answers that are stored and not counted",
                        (Column("reason", "Reason", "code"), Column("answers", "Answers", "count")),
                        excluded,
                    ),
                ),
            ),
            Section(
                "ledger",
                "All entities",
                f"Not mapped, so the marts that need them are empty: {', '.join(absent)}." if absent else "",
                (),
                (
                    Table(
                        "ledger",
                        "Rows read, and what became of them",
                        (
                            Column("entity", "Entity"),
                            Column("source", "Source"),
                            Column("batches", "Batches", "count"),
                            Column("rows_in", "Rows in", "count"),
                            Column("accepted", "Accepted", "count"),
                            Column("unchanged", "Unchanged", "count"),
                            Column("rejected", "Rejected", "count"),
                            Column("held_back", "In failed or withdrawn batches", "count"),
                        ),
                        traced_records("batches", ledger, "entity", "source"),
                        shown=60,
                    ),
                    Table(
                        "freshness",
                        "How old everything is",
                        (
                            Column("entity", "Entity"),
                            Column("sources", "Sources"),
                            Column("rows_current", "Rows", "count"),
                            Column("newest_record_at", "Newest record (UTC)", "day"),
                            Column("covered_to", "Read up to (UTC)", "day"),
                            Column("days_old", "Days old", "points"),
                        ),
                        traced_records("batches", aged, "entity"),
                        shown=60,
                        note=f"Days old at {moment:%Y-%m-%d %H:%M} UTC: of the newest record; of the reading where records have no time of"
                        " their own. How old they are now: ./shopkeeper status.",
                    ),
                ),
            ),
        ),
    )


def _days_old(row: Row, moment: datetime) -> float | None:
    """From the newest record, else from the end of what was read, to a moment; a contract may begin tomorrow."""
    newest: Any = row["newest_record_at"] or row["covered_to"]
    return None if newest is None else max(0.0, round((moment - newest).total_seconds() / 86_400, 1))


def _way(ledger: Sequence[Row], answers: Sequence[Row]) -> Picture:
    """Answers on their way: rows read, what became of them, and which count."""
    found = [row for row in ledger if row["entity"] == "survey_responses"]
    accepted, unchanged, refused, held = (sum(row[name] for row in found) for name in ("accepted", "unchanged", "rejected", "held_back"))
    counted = sum(row["answers"] for row in answers if not row["reason"])
    excluded = sum(row["answers"] for row in answers if row["reason"])
    flows = [
        Flow("rows read", "accepted", accepted),
        Flow("rows read", "unchanged", unchanged, "idle"),
        Flow("rows read", "rejected", refused, "lost"),
        Flow("accepted", "counted", counted),
        Flow("accepted", "excluded", excluded, "lost"),
        Flow("accepted", "superseded", max(0, accepted - held - counted - excluded), "idle"),
        Flow("accepted", "held back", held, "lost"),
    ]
    shown = [item for item in flows if item.count]
    told = "; ".join(f"{item.origin} to {item.target}: {item.count:,}" for item in shown)
    stages = [["rows read"], ["accepted", "unchanged", "rejected"], ["counted", "excluded", "superseded", "held back"]]
    used = {name for item in shown for name in (item.origin, item.target)}
    return flow(shown, [[name for name in stage if name in used] for stage in stages], "Survey answers, from source to score", told)
