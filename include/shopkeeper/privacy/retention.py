"""Remove what the company's policy says is old enough, and nothing that a mart of today is made from.

A function per kind; each removes in chunks of one transaction, so that a killed run has done a part of the work and nobody waits for
long. They return what they removed: table → rows.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.keeping import Retention
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.entities import ENTITIES

CHUNK = 20_000
WAIT_SECONDS = 3600
READ = "('passed', 'waived')"
# What a customer was at the time of each answer is asked of every version, and names of every version are taken out of words.
WITH_HISTORY = ("raw.customers", "pii.customers", "pii.employees")
# Their newest words count, whatever becomes of the rest of the record.
WORDED = ("survey_responses", "calls", "contact_outcomes")
LOG_FOLDERS = ("logs", "airflow/logs", "dbt", "sandbox")
INBOX = ("inbox/cur", "inbox/new")


def remove_versions(engine: sa.Engine, policy: Retention, *, now: datetime) -> Counter[str]:
    """Versions of records and of words whose place a newer one took so long ago that no source is expected to take it back."""
    removed: Counter[str] = Counter()
    if policy.versions_days is None:
        return removed
    tables = [f"raw.{entity}" for entity in ENTITIES] + [f"pii.{entity}" for entity in WORDED]
    with locks.exclusive(engine, locks.MARTS, wait_seconds=WAIT_SECONDS):  # a build at work may be of the past, and need them
        for table in tables:
            if table not in WITH_HISTORY:
                removed[table] += _remove(engine, table, _SUPERSEDED.format(table=table), before=_before(now, policy.versions_days))
        for table, versions in (("ops.response_flags", "raw.survey_responses"), ("ops.redacted_verbatims", "pii.survey_responses")):
            of_none = "select from {versions} as kept where kept._key = old._key and kept._batch_id = old._batch_id"
            where = f"not exists ({of_none.format(versions=versions)}) and {_HAS_NEWER.format(versions=versions)}"
            removed[table] += _remove(engine, table, where)
    return +removed


# Newest is what staging takes for newest: updated_at (unknown first), load, batch.
_SUPERSEDED = f"""
    exists (
        select from {{table}} as newer
        inner join ops.batches as batches on newer._batch_id = batches.batch_id and batches.status in {READ}
        where newer._key = old._key and newer._loaded_at < :before
            and (coalesce(newer.updated_at, '-infinity'), newer._loaded_at, newer._batch_id)
                > (coalesce(old.updated_at, '-infinity'), old._loaded_at, old._batch_id)
    )
"""
_HAS_NEWER = "exists (select from {versions} as newer where newer._key = old._key and newer._batch_id <> old._batch_id)"


def remove_rejects(engine: sa.Engine, policy: Retention, *, now: datetime) -> Counter[str]:
    """Rejected rows that have not come again for so long, closed or not."""
    if policy.rejects_days is None:
        return Counter()
    where = "old.last_batch_id in (select batch_id from ops.batches where loaded_at < :before)"
    return +Counter({"rejected.rows": _remove(engine, "rejected.rows", where, before=_before(now, policy.rejects_days))})


def remove_events(engine: sa.Engine, policy: Retention, *, now: datetime) -> Counter[str]:
    """Notes of what the pipeline did: runs, what the CRM has confirmed, messages to staff. What became of invitations and orders stays."""
    if policy.events_days is None:
        return Counter()
    return _remove_each(
        engine,
        {
            # The last run of each step says how it stands.
            "ops.runs": """
                old.status <> 'running' and old.ended_at < :before and exists (
                    select from ops.runs as newer
                    where newer.dag_id is not distinct from old.dag_id and newer.step = old.step and newer.started_at > old.started_at
                )
            """,
            # The newest entry of a record is what the CRM is held against.
            "ops.crm_outbox": """
                old.done_at < :before and exists (
                    select from ops.crm_outbox as newer
                    where newer.kind = old.kind and newer.external_id = old.external_id and newer.entry_id > old.entry_id
                )
            """,
            "pii.message_texts": f"old.message_id in ({_OLD_MESSAGES})",
            "ops.message_events": f"old.message_id in ({_OLD_MESSAGES})",
            "ops.messages": f"old.message_id in ({_OLD_MESSAGES})",
            "ops.silences": "old.ended_at < :before",
        },
        before=_before(now, policy.events_days),
    )


_OLD_MESSAGES = """
    select message_id from ops.messages where due_at < :before and message_id not in (select message_id from ops.message_queue)
"""
_PUBLISHED = "(select coalesce(max(build_id), 0) from quality.publications)"


def remove_evidence(engine: sa.Engine, policy: Retention, *, now: datetime) -> Counter[str]:
    """Results of checks and models, and pages of one publication. Those of the newest publication, and of batches in use, stay."""
    removed: Counter[str] = Counter()
    if policy.evidence_days is not None:
        removed += _remove_each(
            engine,
            {
                "quality.validations": """
                    old.checked_at < :before
                    and old.validation_id not in (select max(newest.validation_id) from quality.validations as newest group by newest.suite)
                """,
                "quality.gate_results": f"""
                    old.checked_at < :before and case
                        when old.build_id is not null then old.build_id <> {_PUBLISHED}
                        else old.batch_id not in (select batch_id from ops.batches where status in {READ})
                    end
                """,
                "quality.dbt_results": f"""
                    old.build_id <> {_PUBLISHED} and old.build_id in (select build_id from ops.builds where started_at < :before)
                """,
            },
            before=_before(now, policy.evidence_days),
        )
    if policy.sites_days is not None:
        where = "old.built_at < :before and old.publication_id not in (0, (select max(publication_id) from quality.publications))"
        removed += Counter({"quality.sites": _remove(engine, "quality.sites", where, before=_before(now, policy.sites_days))})
    return removed


def remove_texts(engine: sa.Engine, policy: Retention, *, now: datetime) -> Counter[str]:
    """What people wrote: words that have been redacted for the marts, what the page was sent, texts of messages that are through."""
    removed: Counter[str] = Counter()
    if policy.words_days is not None:
        with locks.exclusive(engine, locks.MARTS, wait_seconds=WAIT_SECONDS):
            where = f"({_OLD_WORDS})"
            act = "update pii.survey_responses as old set verbatim = null, free_answers = null where"
            found = _chunks(engine, "pii.survey_responses", where, act, {"before": _before(now, policy.words_days)})
            removed["words in pii.survey_responses"] = sum(found)
    if policy.submissions_days is not None:
        before = _before(now, policy.submissions_days)
        joined = {
            "pii.survey_submissions": "old.batch_id is not null and old.received_at < :before",
            "pii.provider_messages": "old.settled_at < :before",
        }
        removed += _remove_each(engine, joined, before=before)
    if policy.message_texts_days is not None:
        where = f"old.message_id in ({_OLD_MESSAGES})"
        removed["pii.message_texts"] = _remove(engine, "pii.message_texts", where, before=_before(now, policy.message_texts_days))
    return +removed


# Marts carry the redacted words of a version, so that version's row stays, without the words.
_OLD_WORDS = """
    (old.verbatim is not null or old.free_answers is not null)
    and (
        old.verbatim is null
        or exists (select from ops.redacted_verbatims as done where done._key = old._key and done._batch_id = old._batch_id)
    )
    and exists (
        select from raw.survey_responses as answers
        where answers._key = old._key and coalesce(answers.responded_at, answers._loaded_at) < :before
    )
"""


def remove_files(home: Path, policy: Retention, *, now: datetime) -> Counter[str]:
    """Log files, and e-mails in the sandbox's inbox, that nobody has written to for so long."""
    removed: Counter[str] = Counter()
    if policy.logs_days is None:
        return removed
    before = _before(now, policy.logs_days).timestamp()
    for place in (*LOG_FOLDERS, *INBOX):
        for folder, _, names in os.walk(home / place, topdown=False):
            for path in (Path(folder) / name for name in names):
                if path.is_file() and path.lstat().st_mtime < before:
                    path.unlink()
                    removed[place] += 1
            if Path(folder) != home / place and not any(Path(folder).iterdir()):
                Path(folder).rmdir()
    return removed


# --- chunks -----------------------------------------------------------------------------------------------------------


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _remove_each(engine: sa.Engine, wheres: dict[str, str], **values: Any) -> Counter[str]:
    return +Counter({table: _remove(engine, table, where, **values) for table, where in wheres.items()})


def _remove(engine: sa.Engine, table: str, where: str, **values: Any) -> int:
    return sum(_chunks(engine, table, where, f"delete from {table} as old where", values))


def _chunks(engine: sa.Engine, table: str, where: str, act: str, values: dict[str, Any]) -> Iterable[int]:
    """Note which rows are to go, then act on them chunk by chunk. What has changed in between is asked again."""
    with engine.connect() as connection:
        noted = "create temporary table old_rows as select row_number() over () as number, ctid as place"
        count = connection.execute(sa.text(f"{noted} from {table} as old where {where}"), values).rowcount
        connection.commit()
        try:
            for start in range(0, count, CHUNK):
                chunk = "select place from old_rows where number > :start and number <= :start + :chunk"
                query = f"{act} old.ctid = any(array({chunk})) and {where}"
                yield connection.execute(sa.text(query), {**values, "start": start, "chunk": CHUNK}).rowcount
                connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("drop table old_rows"))
            connection.commit()
