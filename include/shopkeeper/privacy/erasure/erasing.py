"""Erase a person: files, then the warehouse in one transaction, then the proof that nothing is left; and again after a restore.

Killed anywhere, the same command does the rest: as long as the warehouse knows the person it begins anew.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import Company
from shopkeeper.errors import fail
from shopkeeper.privacy.erasure import removing
from shopkeeper.privacy.erasure.files import clean_files
from shopkeeper.privacy.erasure.person import Person, find
from shopkeeper.privacy.erasure.removing import Note
from shopkeeper.privacy.erasure.traces import Traces
from shopkeeper.warehouse import erasure_list, locks
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.erasure_list import KIND_OF, Entry
from shopkeeper.warehouse.erasure_tables import BACKUPS, ERASURES
from shopkeeper.warehouse.tables import BUILDS

PASSES = 3  # what was written while a pass was at work, the next one finds
LOCK_SECONDS = 600


@dataclass(frozen=True)
class Asked:
    """What somebody wants done, and where the files are."""

    reason: str
    actor: str
    now: datetime
    home: Path
    logs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Erased:
    """`removed`: place → rows, e-mails, lines. `checked`: what was searched in proof; empty in a dry run."""

    erasure_id: uuid.UUID
    customers: int
    answers: str
    removed: dict[str, int]
    kept_anonymous: int
    not_looked_for: tuple[str, ...]
    backups: tuple[str, ...]
    checked: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """One warehouse, and what one erasure does there."""

    engine: sa.Engine
    erasure_id: uuid.UUID
    answers: str
    timezone: str
    note: Note


class _DryRun(Exception):
    pass


def erase(engine: sa.Engine, company: Company, customer_id: str, asked: Asked, *, is_dry_run: bool, note: Note = lambda _: None) -> Erased:
    """Erase the customer, and everybody whom the CRM says to be the same person. A dry run does it all and takes it back.

    The next build makes all marts anew; until then published scores still count what was removed. Raises ShopkeeperError when nobody
    is known by this id, the reason names the person, another run is at work, or something of the person is left.
    """
    at = _Place(engine, uuid.uuid4(), company.privacy.erased_answers, company.timezone, note)
    with locks.exclusive(engine, locks.MARTS):
        with engine.connect() as connection:
            person = find(connection, customer_id)
            is_listed = not person.is_known and _is_listed(connection, customer_id)
        traces = Traces(person)
        if not person.is_known and not is_listed:
            raise fail("customer", "nobody is known by this id", "ids are those of the CRM; letters and zeros count")
        if traces.are_in(asked.reason):
            raise fail("--reason", "names the person, and would be kept", "say why without saying who, such as: request of 3 March")
        removed, _ = clean_files(asked.home, asked.logs, traces, is_dry_run=is_dry_run)
        done = _erase_rows(traces, at, asked, removed, is_dry_run=is_dry_run)
        if is_dry_run:
            return done
        checked = _prove(traces, at, asked, done)
    with engine.begin() as connection:
        erasure_list.write_copy(connection, asked.home)
    return Erased(**{**vars(done), "checked": checked})


def _erase_rows(traces: Traces, at: _Place, asked: Asked, removed: Counter[str], *, is_dry_run: bool) -> Erased:
    try:
        with at.engine.begin() as connection:
            kept, rows = remove_rows(connection, traces, at)
            places = dict(sorted((rows + removed).items()))
            person = traces.person
            done = Erased(at.erasure_id, len(person.customers), at.answers, places, kept, person.shared, _backups(connection))
            if is_dry_run:
                raise _DryRun
            _write_receipt(connection, person, done, asked)
    except _DryRun:
        pass
    return done


def remove_rows(connection: sa.Connection, traces: Traces, at: _Place) -> tuple[int, Counter[str]]:
    """Take the person out of the warehouse and onto the erasure list; returns how many answers stay as nobody's, and what was removed."""
    connection.execute(sa.text(f"set local lock_timeout = '{LOCK_SECONDS}s'"))
    connection.execute(sa.text("lock table pii.erasure_list in exclusive mode"))  # waits for loads, and they for us
    salt = erasure_list.salt(connection)
    entries = [
        Entry(salt, erasure_list.hashed(salt, kind, value), kind, str(at.erasure_id))
        for kind, values in traces.person.ids.items()
        for value in values
    ]
    kept = removing.keep_anonymous(connection, traces.person, at.timezone) if at.answers == "keep_anonymous" else 0
    rows = removing.remove(connection, traces, at.note)
    erasure_list.add(connection, entries)
    # A build that was being made holds the person, and what is published may not be added to.
    connection.execute(sa.update(BUILDS).where(BUILDS.c.status.in_(("frozen", "failed", "built"))).values(status="abandoned"))
    for schema in ("marts", "marts_next"):
        if connection.scalar(sa.text(f"select to_regclass('{schema}._applied_state')")) is not None:
            connection.execute(sa.text(f"delete from {schema}._applied_state"))
    return kept, rows


def _write_receipt(connection: sa.Connection, person: Person, done: Erased, asked: Asked) -> None:
    salt = erasure_list.salt(connection)
    row: dict[str, Any] = {
        "erasure_id": done.erasure_id,
        "person_hash": erasure_list.hashed(salt, "customer", person.customers[0]),
        "reason": asked.reason,
        "requested_by": asked.actor,
        "erased_at": asked.now,
        "answers": done.answers,
        "removed": done.removed,
        "kept_anonymous": done.kept_anonymous,
        "not_looked_for": list(done.not_looked_for),
        "backups": list(done.backups),
    }
    connection.execute(sa.insert(ERASURES).values(row))


def _prove(traces: Traces, at: _Place, asked: Asked, done: Erased) -> dict[str, int]:
    """Search everything; what was written meanwhile is removed, and everything is searched again."""
    engine, note = at.engine, at.note
    removing.refresh(engine, _tables(done.removed))
    for attempt in range(PASSES):
        with engine.connect() as connection:
            left, checked = removing.what_is_left(connection, traces, note)
        in_files, read = clean_files(asked.home, asked.logs, traces, is_dry_run=False)
        if not left and not in_files:
            with engine.begin() as connection:
                proven = {"checked": {**checked, **read}, "proven_at": asked.now}
                connection.execute(sa.update(ERASURES).where(ERASURES.c.erasure_id == done.erasure_id).values(proven))
            return {**checked, **read}
        if attempt < PASSES - 1:
            with engine.begin() as connection:
                more = removing.remove(connection, traces, note)
            removing.refresh(engine, _tables({*more, *(place.removeprefix("statistics of ") for place in left)}))
    where = ", ".join(f"{place} ({count})" for place, count in sorted((left + in_files).items()))
    raise fail("erase", f"something of the person is left: {where}", "stop what writes there (./shopkeeper down), then erase again")


def _tables(places: Iterable[str]) -> list[str]:
    """Those of the places that are tables."""
    return sorted(place for place in places if "." in place and " " not in place)


def _backups(connection: sa.Connection) -> tuple[str, ...]:
    query = sa.select(BACKUPS.c.file, BACKUPS.c.made_at).order_by(BACKUPS.c.made_at)
    return tuple(f"{row.file} ({row.made_at:%Y-%m-%d %H:%M} UTC)" for row in connection.execute(query))


def _is_listed(connection: sa.Connection, customer_id: str) -> bool:
    query = erasure_list.listed("select 'customer' as kind, cast(:id as text) as id")
    return connection.execute(sa.text(query), {"id": customer_id}).first() is not None


# --- after a restore --------------------------------------------------------------------------------------------------


def replay(engine: sa.Engine, company: Company) -> int:
    """Erase again, in a warehouse that was restored, everybody on its erasure list; returns how many customers were there again."""
    columns = [(entity.name, column.name) for entity in ENTITIES.values() for column in entity.plain_columns]
    ids = " union ".join(
        f"select 'customer' as kind, {column} as id from raw.{entity}" for entity, column in columns if KIND_OF.get(column) == "customer"
    )
    ids += " union select 'customer', customer_id from ops.invitations union select 'customer', customer_id from ops.work_orders"
    back = f"""
        select found.id, min(listed.erasure_id::text) as erasure_id, min(receipts.answers) as answers
        from ({erasure_list.listed(ids)}) as found
        cross join (select distinct salt from pii.erasure_list) as salts
        inner join pii.erasure_list as listed
            on listed.salt = salts.salt
            and listed.hash = encode(sha256(convert_to(concat_ws(chr(31), salts.salt, 'customer', found.id), 'UTF8')), 'hex')
        left join quality.erasures as receipts on receipts.erasure_id = listed.erasure_id
        group by found.id
        order by found.id
    """
    with engine.connect() as connection:
        found = connection.execute(sa.text(back)).all()
    removed: Counter[str] = Counter()
    for row in found:
        with engine.begin() as connection:
            person = find(connection, row.id)
            if person.is_known:
                at = _Place(engine, uuid.UUID(row.erasure_id), row.answers or "remove", company.timezone, lambda _: None)
                removed += remove_rows(connection, Traces(person), at)[1]
    removing.refresh(engine, _tables(removed))
    return len(found)
