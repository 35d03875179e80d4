"""The steps behind what is no score: checks, batches, rejected rows, models, answers that do not count, and what a provider states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.quality.tracing.subject import RECORDS, Row, Section, Trace, command, rows


@dataclass(frozen=True)
class _Records:
    """`query` tells of the published build and takes each column of the key, empty where it is not given. `following` are the subject
    and the columns of the row that lead on from a row."""

    title: str
    query: str
    following: tuple[str, tuple[str, ...]] | None = None


_OF_THE_BUILD = "(select batch_id from quality.build_batches where build_id = :build_id)"


def _is(column: str, name: str) -> str:
    return f"(cast(:{name} as text) is null or {column} = :{name})"


_KINDS = {
    "gate_results": _Records(
        "The checks, those that failed first",
        f"""
            select
                coalesce('batch ' || results.batch_id, 'the publication') as judged, batches.entity, results.suite, results.description,
                results.severity, results.succeeded, results.rows_checked, results.rows_failed, results.reason,
                case when not results.succeeded then left(nullif(cast(results.failing_keys as text), '[]'), 200) end as failing_keys,
                results.checked_at
            from quality.gate_results as results
            left join quality.batches on results.batch_id = batches.batch_id
            where (results.build_id = :build_id or results.batch_id in {_OF_THE_BUILD})
                and {_is("results.suite", "suite")} and {_is("results.description", "description")}
            order by results.succeeded, results.severity, results.suite, results.description, results.batch_id
        """,
        ("batches", ("entity",)),
    ),
    "batches": _Records(
        "The batches, newest first",
        f"""
            select
                batches.entity, batches.source, batches.batch_id, batches.status, batches.interval_start, batches.interval_end,
                batches.loaded_at, batches.rows_in, batches.accepted, batches.unchanged, batches.rejected, batches.deleted, batches.reason,
                batches.batch_id in {_OF_THE_BUILD} as is_in_publication
            from quality.batches
            where batches.loaded_at <= :known_at and {_is("batches.entity", "entity")} and {_is("batches.source", "source")}
            order by batches.batch_id desc
        """,
        ("rejected_rows", ("entity",)),
    ),
    "rejected_rows": _Records(
        "The rows, by key; what they held is kept apart",
        f"""
            select
                entity, source, replace(natural_key, chr(31), ' · ') as natural_key,
                coalesce(column_name, 'whole row') as column_name, reason, first_batch_id, last_batch_id, times_seen, closed_by_batch_id
            from quality.rejected_rows
            where first_batch_id in (select batch_id from quality.batches where loaded_at <= :known_at)
                and {_is("entity", "entity")} and {_is("coalesce(column_name, 'whole row')", "column_name")} and {_is("reason", "reason")}
            order by entity, column_name, reason, natural_key
        """,
        ("batches", ("entity", "source")),
    ),
    "dbt_results": _Records(
        "The models and tests",
        f"""
            select split_part(node_id, '.', 3) as node, resource_type, status, failures, rows_affected, seconds
            from quality.dbt_results
            where build_id = :build_id and {_is("resource_type", "resource_type")} and {_is("status", "status")}
            order by resource_type, node
        """,
    ),
    "excluded_answers": _Records(
        "The answers, newest first",
        f"""
            select response_id, programme, provider, score, excluded_reason as reason, quality_flags, responded_at
            from marts.fct_survey_responses
            where excluded_reason is not null and {_is("excluded_reason", "reason")} and {_is("programme", "programme")}
            order by responded_at desc nulls last, response_id
        """,
        ("fct_survey_responses", ("response_id",)),
    ),
}


def records(connection: sa.Connection, subject: str, key: Mapping[str, str], published: Row, *, shown: int | None) -> Trace:
    """The rows of one kind that fit a key, and what leads on from the first; `shown` limits how many are listed (None: all).

    Raises ShopkeeperError for a column that is not of its key, and when no row fits.
    """
    columns = RECORDS[subject]
    if unknown := [column for column in key if column not in columns]:
        raise fail(f"trace {subject}", f"its key has no {unknown[0]}", f"it has {', '.join(columns)}")
    kind = _KINDS[subject]
    clocks = {name: published[name] for name in ("build_id", "known_at") if f":{name}" in kind.query}
    found = rows(connection, kind.query, **clocks, **{column: key.get(column) for column in columns})
    if not found:
        said = " ".join(f"{column}={value}" for column, value in key.items()) or "the key"
        raise fail(f"trace {subject}", f"nothing fits {said}", f"leave out a part of {' '.join(columns)} to see what is there")
    listed = found if shown is None else found[:shown]
    sections = (Section(subject, kind.title, listed, total=len(found)), Section("publication", "The publication", [_made_by(published)]))
    return Trace(" ".join((subject, *key.values())), sections, _following(kind, found[0]))


def _following(kind: _Records, row: Row) -> tuple[str, ...]:
    if kind.following is None or row[kind.following[1][0]] is None:
        return ()
    subject, columns = kind.following
    return (command(subject, *(row[column] for column in columns)),)


def _made_by(published: Row) -> Row:
    return {name: published[name] for name in ("publication_id", "published_at", "as_of", "known_at", "config_hash", "git_commit")}
