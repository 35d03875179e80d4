"""Notice what calls for action, as soon as it has landed: answers of the survey page, batches of answers, complaints and calls; and, where
a company says so, customers of whom a published model expects it.

Each batch, and each few hundred answers of the page, is one transaction: what was found there, what was done about it, and that it
has been read. Killed anywhere, the next run begins with what has not been read; and the same answer by two ways is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa

from shopkeeper.closed_loop import predicted, responses, units
from shopkeeper.closed_loop.acting import act
from shopkeeper.closed_loop.facts import LANDED, Facts, of_records
from shopkeeper.closed_loop.owners import Staff
from shopkeeper.company.config import CompanyFolder
from shopkeeper.warehouse import locks

SUBMISSIONS_AT_ONCE = 500
# An answer that no rule speaks of reaches its employee too, unless it is so old that nobody remembers.
FEEDBACK_DAYS = 14
WAIT_SECONDS = 300

# What rules look at, and what it refers to: the arrival of a customer or of an interaction may be what an answer has waited for.
WATCHED = ("survey_responses", "complaints", "calls")
REFERRED = {"customers": "customer_id", "interactions": "interaction_id"}


@dataclass
class _Run:
    engine: sa.Engine
    folder: CompanyFolder
    now: datetime
    done: Counter[str]

    @property
    def oldest(self) -> datetime:
        """What happened before leads to nothing any more."""
        rules = self.folder.closed_loop.rules.values()
        return self.now - timedelta(days=max([FEEDBACK_DAYS, *(rule.too_old_days for rule in rules)]))

    def staff(self, connection: sa.Connection) -> Staff:
        return Staff.read(connection, on=self.now.astimezone(self.folder.company.zone).date())

    def act(self, connection: sa.Connection, facts: list[Facts]) -> None:
        self.done["looked_at"] += len(facts)
        if facts:
            self.done.update(act(connection, self.folder, self.staff(connection), facts, now=self.now))

    def read(self, connection: sa.Connection, kind: str, ids: list[int]) -> None:
        mark = sa.text("insert into ops.loop_reads (kind, id, read_at) values (:kind, :id, :now) on conflict do nothing")
        connection.execute(mark, [{"kind": kind, "id": each, "now": self.now} for each in ids])


def notice(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, int]:
    """Look at everything that has come and not been looked at; returns what was done, as counts.

    `looked_at` counts answers, complaints and calls that are recent enough; the outcomes of ops.signals count signals. Raises
    ShopkeeperError when another run is at it for minutes, or a template of the company does not work.
    """
    if not folder.closed_loop.rules:
        return {}
    run = _Run(engine, folder, now, Counter())
    with locks.exclusive(engine, "close_loop.notice", wait_seconds=WAIT_SECONDS):
        _references(run)
        _submissions(run)
        for batch_id, entity in list(_unread_batches(run)):
            with engine.begin() as connection:
                changed = f"select _key from raw.{entity} where _batch_id = :batch_id"
                run.act(connection, _find(run, connection, entity, changed, {"batch_id": batch_id}))
                run.read(connection, "batch", [batch_id])
        with engine.begin() as connection:
            run.act(connection, predicted.at_risk(connection, folder, now=now))
        with engine.begin() as connection:
            run.done["told"] += units.notice(connection, folder, run.staff(connection), now=now)
    return {name: count for name, count in sorted(run.done.items()) if count}


# --- the survey page ----------------------------------------------------------------------------------------------------

# Whoever is still answering is let finish: what was broken off comes with its batch, within the hour.
_UNREAD_SUBMISSIONS = """
    select submission_id from pii.survey_submissions
    where batch_id is null and is_complete
        and not exists (select from ops.loop_reads where kind = 'submission' and id = submission_id)
    order by submission_id
    limit :limit
"""


def _submissions(run: _Run) -> None:
    while True:
        with run.engine.begin() as connection:
            ids = list(connection.scalars(sa.text(_UNREAD_SUBMISSIONS), {"limit": SUBMISSIONS_AT_ONCE}))
            if not ids:
                return
            run.act(connection, responses.of_submissions(connection, ids, oldest=run.oldest, now=run.now))
            run.read(connection, "submission", ids)


# --- batches ------------------------------------------------------------------------------------------------------------

_UNREAD = """
    select batch_id, entity from ops.batches
    where entity = any(:entities) and status = any(:statuses)
        and not exists (select from ops.loop_reads where kind = 'batch' and id = batch_id)
    order by batch_id
"""


def _unread_batches(run: _Run) -> Iterator[tuple[int, str]]:
    given = {"entities": list(WATCHED), "statuses": ["landed", "passed", "failed", "waived"]}
    with run.engine.connect() as connection:
        yield from connection.execute(sa.text(_UNREAD), given).tuples()


def _find(run: _Run, connection: sa.Connection, entity: str, changed: str, given: dict[str, Any]) -> list[Facts]:
    if entity == "survey_responses":
        return responses.of_answers(connection, changed, given, oldest=run.oldest, now=run.now)
    recorded = cast(Literal["complaints", "calls"], entity)
    return of_records(connection, recorded, changed, given, oldest=run.oldest, now=run.now)


# --- what has waited ----------------------------------------------------------------------------------------------------


def _references(run: _Run) -> None:
    """Look again at what was read lately and is about customers or interactions that have become known since, or known differently."""
    with run.engine.begin() as connection:
        given = {"entities": list(REFERRED), "statuses": ["passed", "waived"]}
        batches = connection.execute(sa.text(_UNREAD), given).tuples().all()
        if not batches:
            return
        arrived_in = {name: [batch_id for batch_id, entity in batches if entity == name] for name in REFERRED}
        for entity in WATCHED:
            read = "batch_id in (select id from ops.loop_reads where kind = 'batch')"
            recent = f"{LANDED.format(entity=entity)} and accepted > 0 and loaded_at > :oldest and {read}"
            arrived = " or ".join(
                f"{column} in (select {column} from raw.{name} where _batch_id = any(:{name}))"
                for name, column in REFERRED.items()
                if not (entity == "calls" and name == "customers")
            )
            changed = f"select _key from raw.{entity} where _batch_id = any(:recent) and ({arrived})"
            ids = list(connection.scalars(sa.text(recent), {"oldest": run.oldest}))
            if ids:
                run.act(connection, _find(run, connection, entity, changed, {**arrived_in, "recent": ids}))
        run.read(connection, "batch", [batch_id for batch_id, _ in batches])
