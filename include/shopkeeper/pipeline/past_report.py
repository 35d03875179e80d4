"""A past report, made again: its marts are built once more in `marts_next`, reported on, and thrown away. What is published stays.

docs/tracing.md says which report comes out the same to the byte, and why another may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import GateFailed, fail
from shopkeeper.pipeline import analyses
from shopkeeper.pipeline.build import Build, Past, build_models, complete_models, empty_workshop, freeze, require_current
from shopkeeper.privacy.learned import redact_learned
from shopkeeper.privacy.verbatims import redact_verbatims
from shopkeeper.quality.gates import gate_publication
from shopkeeper.quality.report import Marts, build_report
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.employee_tables import EMPLOYEE_PROGRAMMES
from shopkeeper.warehouse.engine import engine as default_engine
from shopkeeper.warehouse.erasure_tables import ERASURES
from shopkeeper.warehouse.tables import BANDS, BUILDS, CURRENT_BUILD, ENTITY_AVAILABILITY, EXCHANGE_RATES, PUBLICATIONS, SCALES, SITES
from shopkeeper.warehouse.weight_tables import WEIGHTING_VARIABLES

# What freezing writes for the build at work; others read it as that of the last ordinary one.
SETTINGS = (CURRENT_BUILD, SCALES, BANDS, EXCHANGE_RATES, WEIGHTING_VARIABLES, EMPLOYEE_PROGRAMMES, ENTITY_AVAILABILITY)
WAIT_SECONDS = 600

Note = Callable[[str], None]


@dataclass(frozen=True)
class PastReport:
    """`content` is the site as a zip. `publication_id` is the publication whose clocks it has, if one has them; `is_identical`
    whether it is, byte for byte, the report kept with that publication (None where none is kept). `differences` says what could
    make it another one than was published then."""

    content: bytes
    build_id: int
    as_of: datetime
    known_at: datetime
    hierarchy_on: date | None
    publication_id: int | None
    is_identical: bool | None
    differences: tuple[str, ...]


def make_again(
    folder: CompanyFolder,
    *,
    publication_id: int | None = None,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    in_hierarchy_of_today: bool = False,
    now: datetime,
    note: Note,
) -> PastReport:
    """Make the report of a publication again, or of two clocks: `known_at` empty is today's knowledge, `as_of` empty the newest then.

    Clocks that are those of a publication mean that publication: then exactly the batches and the ends of the ledgers are read that it
    read. The gate judges what is built, and what fails is in the report; nothing is published. Afterwards `marts_next` is empty, so the
    next ordinary build starts from scratch. Raises ShopkeeperError for a publication that is not there, as `freeze` does, and when
    another run is at work.
    """
    engine = default_engine()
    with engine.connect() as connection:
        publication = _publication(connection, publication_id, as_of, known_at)
        kept = [(table, [dict(row) for row in connection.execute(sa.select(table)).mappings()]) for table in SETTINGS]
    past = Past(repeats=publication.build_id if publication else None, is_in_hierarchy_of_today=in_hierarchy_of_today)
    note("freezing what was known")
    build = freeze(folder, as_of=as_of, known_at=known_at, past=past, now=now)
    try:
        _build(build, folder, now=now, note=note)
        is_same = publication is not None and not in_hierarchy_of_today
        of_publication = publication.publication_id if publication and is_same else None
        with locks.exclusive(engine, locks.MARTS):
            with engine.connect() as connection:
                require_current(connection, build.build_id)
                hierarchy_on = connection.scalar(sa.select(CURRENT_BUILD.c.hierarchy_on))
                kept_report = connection.scalar(
                    sa.select(SITES.c.content).where(SITES.c.name == "report", SITES.c.publication_id == of_publication)
                )
                differences = _differences(connection, build, publication) if publication else ()
            content = build_report(engine, folder.company.name, Marts("marts_next", build.build_id, of_publication))
    finally:
        _put_back(engine, build, kept)
    return PastReport(
        content,
        build.build_id,
        build.as_of,
        build.known_at,
        hierarchy_on,
        publication.publication_id if publication else None,
        None if kept_report is None else content == kept_report,
        differences,
    )


def _publication(connection: sa.Connection, publication_id: int | None, as_of: datetime | None, known_at: datetime | None) -> Any:
    """The publication that is meant, or None where the clocks are those of none."""
    query = sa.select(PUBLICATIONS).order_by(PUBLICATIONS.c.publication_id.desc()).limit(1)
    if publication_id is None:
        if as_of is None or known_at is None:
            return None
        return connection.execute(query.where(PUBLICATIONS.c.as_of == as_of, PUBLICATIONS.c.known_at == known_at)).one_or_none()
    found = connection.execute(query.where(PUBLICATIONS.c.publication_id == publication_id)).one_or_none()
    if found is None:
        raise fail(f"publication {publication_id}", "there is no such publication", "quality.publications lists them")
    return found


def _build(build: Build, folder: CompanyFolder, *, now: datetime, note: Note) -> None:
    engine = default_engine()
    redact_verbatims(engine, build.build_id, now=now)
    redact_learned(engine)
    build_models(build, note=note)
    analyses.run(build, folder.company, note=note)
    complete_models(build, note=note)
    note("judging it")
    try:
        gate_publication(engine, build.build_id, now, in_docs=False)
    except GateFailed as failed:
        note(f"{len(failed.problems)} critical checks failed; the report says which")


def _differences(connection: sa.Connection, build: Build, publication: Any) -> tuple[str, ...]:
    """What is not as it was when the publication was made, and may show in the report."""
    columns = (BUILDS.c.config_hash, BUILDS.c.code_hash, BUILDS.c.git_commit)
    then = connection.execute(sa.select(*columns).where(BUILDS.c.build_id == publication.build_id)).one()
    gone = sa.text("""
        select batch_id from ops.build_batches left join ops.batches using (batch_id)
        where build_id = :build_id and (status is null or status = 'withdrawn')
        order by batch_id
    """)
    withdrawn = connection.scalars(gone, {"build_id": publication.build_id}).all()
    erased = sa.select(sa.func.count()).where(ERASURES.c.erased_at > publication.published_at)
    found = {
        "the company's settings have changed since": then.config_hash != build.config_hash,
        f"the code has changed since: it was commit {then.git_commit or 'unknown'}": then.code_hash != build.code_hash,
        f"it read what was withdrawn since: batch {', '.join(map(str, withdrawn))}": bool(withdrawn),
        "somebody was erased since": bool(connection.scalar(erased)),
    }
    return tuple(what for what, holds in found.items() if holds)


def _put_back(engine: sa.Engine, build: Build, kept: Sequence[tuple[sa.Table, list[dict[str, Any]]]]) -> None:
    """Leave everything as before, but for an empty workshop. A build that was frozen meanwhile has written its own and is left alone."""
    with locks.exclusive(engine, locks.MARTS, wait_seconds=WAIT_SECONDS), engine.begin() as connection:
        if connection.scalar(sa.select(CURRENT_BUILD.c.build_id)) != build.build_id:
            return
        for table, rows in kept:
            connection.execute(sa.delete(table))
            if rows:
                connection.execute(sa.insert(table), rows)
        connection.execute(sa.update(BUILDS).where(BUILDS.c.build_id == build.build_id).values(status="abandoned"))
        empty_workshop(connection)
