"""Where things stand: what is published, how fresh it is, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import Freshness
from shopkeeper.messages import doubtful
from shopkeeper.pipeline import runs
from shopkeeper.pipeline.silence import BY_CLOCK, SIGNS, Silence, silences
from shopkeeper.survey import ledger
from shopkeeper.survey.control import Pause, open_pauses
from shopkeeper.warehouse import batches


@dataclass(frozen=True)
class EntityFreshness:
    """`newest_record_at` is as of the last build, `covered_to` the end of what has been read and passed.

    `age` is that of the newest record; of an entity without a time of its own, such as products, that of the newest reading.
    """

    entity: str
    newest_record_at: datetime | None
    covered_to: datetime | None
    age: timedelta | None
    limit: timedelta | None
    is_stale: bool


@dataclass(frozen=True)
class FailedBatch:
    batch_id: int
    entity: str
    source: str
    loaded_at: datetime
    reason: str


@dataclass(frozen=True)
class CoverageGap:
    """A window that no run has read: after `gap_from`, up to and including `gap_to`. The next run closes it."""

    entity: str
    source: str
    gap_from: datetime
    gap_to: datetime


@dataclass(frozen=True)
class OpenRejects:
    entity: str
    source: str
    rows: int


@dataclass(frozen=True)
class CrmDifference:
    """A task of the CRM, by our key, that says something else than our order, or a call there that belongs to none."""

    external_id: str
    difference: str


@dataclass(frozen=True)
class Run:
    run_id: str
    dag_id: str
    step: str
    started_at: datetime
    ended_at: datetime | None
    reason: str


@dataclass(frozen=True)
class Status:
    published_at: datetime | None
    as_of: datetime | None
    publication_age: timedelta | None
    publication_is_stale: bool
    entities: tuple[EntityFreshness, ...]
    failed_batches: tuple[FailedBatch, ...]
    failed_publication_checks: tuple[str, ...]
    coverage_gaps: tuple[CoverageGap, ...]
    open_rejects: tuple[OpenRejects, ...]
    pauses: tuple[Pause, ...]
    unsent: int
    oldest_unsent_at: datetime | None
    doubtful: int
    crm_waiting: int
    oldest_crm_waiting_at: datetime | None
    crm_differences: tuple[CrmDifference, ...]
    silences: tuple[Silence, ...]
    running: tuple[Run, ...]
    last_failures: tuple[Run, ...]

    @property
    def is_stale(self) -> bool:
        """Whether the publication, or an entity with a limit of its own, is older than the company allows, or nothing ran."""
        return self.publication_is_stale or bool(self.silences) or any(entity.is_stale for entity in self.entities)


def status(engine: sa.Engine, now: datetime, freshness: Freshness | None = None) -> Status:
    """Read the state of the pipeline at `now`; `freshness` holds the limits of company.yml, else the usual ones.

    Runs whose process is gone are closed on the way, so that what is shown as running is running.
    """
    limits = freshness or Freshness()
    runs.close_abandoned(engine, now=now)
    with engine.connect() as connection:
        published = connection.execute(sa.text(_PUBLISHED)).one_or_none()
        unsent = connection.execute(sa.text(_UNSENT), {"now": now}).one()
        for_the_crm = connection.execute(sa.text(_CRM_WAITING)).one()
        signs = {row["subject"]: row["at"] for row in _rows(connection, SIGNS)}
        age = now - published.published_at if published else None
        return Status(
            published_at=published.published_at if published else None,
            as_of=published.as_of if published else None,
            publication_age=age,
            publication_is_stale=age is None or age > timedelta(hours=limits.publication_hours),
            entities=tuple(_entity(row, limits, now) for row in _rows(connection, _ENTITIES)),
            failed_batches=tuple(FailedBatch(**row) for row in _rows(connection, _FAILED_BATCHES)),
            failed_publication_checks=tuple(row["problem"] for row in _rows(connection, _FAILED_PUBLICATION)),
            coverage_gaps=tuple(
                CoverageGap(**row, gap_from=start, gap_to=end)
                for row in _rows(connection, _COVERED)
                for start, end in batches.gaps(connection, row["entity"], row["source"])
            ),
            open_rejects=tuple(OpenRejects(**row) for row in _rows(connection, _REJECTS)),
            pauses=open_pauses(engine),
            unsent=unsent.due,
            oldest_unsent_at=unsent.oldest,
            doubtful=len(ledger.list_doubtful(engine)) + len(doubtful.list_doubtful(engine)),
            crm_waiting=for_the_crm.records,
            oldest_crm_waiting_at=for_the_crm.oldest,
            crm_differences=tuple(CrmDifference(**row) for row in _rows(connection, _CRM_DIFFERENCES)),
            silences=tuple(one for one in silences(signs, limits, now) if one.subject in BY_CLOCK),  # the rest is said above
            running=tuple(Run(**row) for row in _rows(connection, _RUNNING)),
            last_failures=tuple(Run(**row) for row in _rows(connection, _LAST_FAILURES)),
        )


def _rows(connection: sa.Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


def _entity(row: Mapping[str, Any], limits: Freshness, now: datetime) -> EntityFreshness:
    hours = limits.entity_hours.get(row["entity"])
    limit = None if hours is None else timedelta(hours=hours)
    newest = row["newest_record_at"]
    is_stale = limit is not None and (newest is None or now - newest > limit)
    known = newest or row["covered_to"]
    age = None if known is None else max(timedelta(), now - known)  # a contract may begin tomorrow
    return EntityFreshness(**row, age=age, limit=limit, is_stale=is_stale)


_PUBLISHED = "select published_at, as_of from quality.publications order by publication_id desc limit 1"

_UNSENT = "select count(*) as due, min(due_at) as oldest from ops.send_queue where due_at <= :now"

# What the CRM has not confirmed yet; the newest entry of a record stands for all before it.
_CRM_WAITING = "select count(distinct (kind, external_id)) as records, min(made_at) as oldest from ops.crm_outbox where done_at is null"

_CRM_DIFFERENCES = "select external_id, difference from ops.crm_tasks where difference is not null order by external_id"

# What the newest build could not be published for; empty once a later build is out.
_FAILED_PUBLICATION = """
select distinct suite || ': ' || description as problem
from quality.gate_results
where
    subject = 'publication' and severity = 'critical' and not succeeded
    and build_id = (select max(build_id) from ops.builds)
    and build_id not in (select build_id from quality.publications)
order by 1
"""

_FAILED_BATCHES = """
select batch_id, entity, source, loaded_at, coalesce(reason, '') as reason
from ops.batches
where status = 'failed'
order by batch_id
"""

_ENTITIES = """
with

covered as (
    select entity, max(interval_end) as covered_to from ops.batches where status in ('passed', 'waived') group by entity
)

select coalesce(availability.entity, covered.entity) as entity, availability.newest_record_at, covered.covered_to
from covered
full join (select entity, newest_record_at from quality.entity_availability where is_mapped) as availability
    on covered.entity = availability.entity
order by 1
"""

_COVERED = "select distinct entity, source from ops.coverage order by entity, source"

_REJECTS = """
select entity, source, count(*) as rows from rejected.rows where closed_by_batch_id is null group by entity, source order by entity, source
"""

_RUN = "run_id, coalesce(dag_id, '') as dag_id, step, started_at, ended_at, coalesce(summary ->> 'reason', '') as reason"

_RUNNING = f"select {_RUN} from ops.runs where status = 'running' order by started_at"

# Steps whose newest run failed.
_LAST_FAILURES = f"""
with

numbered as (
    select *, row_number() over (partition by dag_id, step order by started_at desc, run_id desc) as place
    from ops.runs
    where status <> 'running'
)

select {_RUN}
from numbered
where place = 1 and status = 'failed'
order by started_at
"""
