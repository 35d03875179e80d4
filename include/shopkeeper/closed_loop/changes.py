"""Changes of closed_loop.yml and goals.csv: one leader proposes, another decides, `change_files` writes.

A proposal is kept as edits, not as a file: from these and from the file that they were made for follows the new one, whose hash is kept
too. Row-level security (migration 0030) says who may propose, and that nobody decides on his own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.change_drafts import content_of, draft, hash_of
from shopkeeper.company.edits import Edit
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.warehouse.change_tables import CHANGE_EVENTS, CHANGE_TEXTS, CHANGES

LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Happened:
    event: str
    actor: str
    happened_at: datetime
    note: str | None
    commit_id: str | None


@dataclass(frozen=True)
class Change:
    """A change with its history, the oldest first."""

    change_id: UUID
    file: str
    edits: tuple[Edit, ...]
    diff: str
    before_hash: str
    after_hash: str
    proposed_by: str
    proposed_at: datetime
    history: tuple[Happened, ...]

    @property
    def state(self) -> str:
        """proposed, approved, branched, refused, withdrawn, applied or conflicted."""
        return self.history[-1].event

    @property
    def is_open(self) -> bool:
        """Whether it waits to be decided on, or to be written."""
        return self.state in ("proposed", "approved", "branched")

    @property
    def places(self) -> tuple[str, ...]:
        """What it is about, such as `rules › low_score › by`."""
        return tuple(" › ".join(edit.path) for edit in self.edits)


# --- proposing and deciding -------------------------------------------------------------------------------------------


def propose(
    connection: sa.Connection,
    folder: Path,
    file: str,
    edits: Sequence[Edit],
    *,
    seen: str,
    note: str | None,
    command_id: UUID,
    actor: str,
    now: datetime,
) -> UUID:
    """Propose edits of a file; returns the change. The same command again changes nothing. Errors as for `draft`."""
    if _is_done(connection, command_id):
        return command_id
    drafted = draft(folder, file, edits, seen=seen)
    connection.execute(
        sa.insert(CHANGES).values(
            change_id=command_id,
            file=file,
            edits=[asdict(edit) for edit in edits],
            diff=drafted.diff,
            before_hash=drafted.before_hash,
            after_hash=drafted.after_hash,
            proposed_by=actor,
            proposed_at=now,
        )
    )
    say(connection, command_id, "proposed", command_id=command_id, actor=actor, now=now, note=note)
    return command_id


def decide(
    connection: sa.Connection,
    folder: Path,
    change_id: UUID,
    *,
    is_approved: bool,
    note: str | None,
    command_id: UUID,
    actor: str,
    now: datetime,
) -> None:
    """Approve or refuse what somebody else has proposed. What is approved is written by `./shopkeeper change apply`.

    Raises ShopkeeperError for one's own, for what was decided before, a refusal without a word, and where the file was changed
    meanwhile, or would by now not be taken by the company loader.
    """
    change = begin(connection, change_id, command_id)
    if change is None:
        return
    if change.proposed_by == actor:
        raise _refuse(change_id, "is your own", "another leader has to decide on it")
    if change.state != "proposed":
        raise _refuse(change_id, f"is {change.state} already", "propose another one")
    if not is_approved and not (note or "").strip():
        raise _refuse(change_id, "is not refused without a reason", "say why in one sentence")
    if is_approved:
        if hash_of(content_of(folder, change.file)) != change.before_hash:
            raise _refuse(change_id, f"is for {change.file} as it was: the file was changed meanwhile", "refuse it, and propose it anew")
        draft(folder, change.file, change.edits, seen=change.before_hash)
    say(connection, change_id, "approved" if is_approved else "refused", command_id=command_id, actor=actor, now=now, note=note)


def withdraw(connection: sa.Connection, change_id: UUID, *, note: str | None, command_id: UUID, actor: str, now: datetime) -> None:
    """Take back what one has proposed oneself, as long as it is not written."""
    change = begin(connection, change_id, command_id)
    if change is None:
        return
    if change.proposed_by != actor:
        raise _refuse(change_id, "is not yours to take back", "refuse it, if it waits to be decided on")
    if not change.is_open:
        raise _refuse(change_id, f"is {change.state}", "propose another one")
    say(connection, change_id, "withdrawn", command_id=command_id, actor=actor, now=now, note=note)


# --- reading ----------------------------------------------------------------------------------------------------------

_CHANGES = """
    select
        changes.*,
        (
            select jsonb_agg(
                jsonb_build_array(events.event, events.actor, events.happened_at, texts.note, events.commit_id) order by events.event_id
            )
            from ops.change_events as events
            left join pii.change_texts as texts using (event_id)
            where events.change_id = changes.change_id
        ) as history
    from ops.changes
    where cast(:id as uuid) is null or changes.change_id = :id
    order by changes.proposed_at desc, changes.change_id
    limit :limit
"""


def visible(connection: sa.Connection, *, limit: int = 100) -> list[Change]:
    """Changes that the reader may see, the newest first."""
    return _read(connection, None, limit)


def find(connection: sa.Connection, change_id: UUID) -> Change:
    """Raises ShopkeeperError where there is none, or it is not for the reader's eyes: the two look the same."""
    found = _read(connection, change_id, 1)
    if not found:
        raise _refuse(change_id, "there is no such change", "./shopkeeper change list shows them")
    return found[0]


def _read(connection: sa.Connection, change_id: UUID | None, limit: int) -> list[Change]:
    rows = connection.execute(sa.text(_CHANGES), {"id": change_id, "limit": limit}).mappings()
    return [
        Change(
            **{name: row[name] for name in ("change_id", "file", "diff", "before_hash", "after_hash", "proposed_by", "proposed_at")},
            edits=tuple(Edit(**{**edit, "path": tuple(edit["path"])}) for edit in row["edits"]),
            history=tuple(
                Happened(event, actor, datetime.fromisoformat(happened_at), note, commit_id)
                for event, actor, happened_at, note, commit_id in row["history"]
            ),
        )
        for row in rows
    ]


# --- what they have in common -----------------------------------------------------------------------------------------


def begin(connection: sa.Connection, change_id: UUID, command_id: UUID) -> Change | None:
    """The change, on which nobody else decides until the transaction ends; None where what is asked for was done already."""
    lock = "select pg_advisory_xact_lock(hashtextextended('shopkeeper.change.' || cast(:id as text), 0))"
    connection.execute(sa.text(lock), {"id": str(change_id)})
    return None if _is_done(connection, command_id) else find(connection, change_id)


def say(
    connection: sa.Connection,
    change_id: UUID,
    event: str,
    *,
    command_id: UUID,
    actor: str,
    now: datetime,
    note: str | None = None,
    commit_id: str | None = None,
) -> None:
    """Append to a change's history."""
    words = (note or "").strip()
    if len(words) > LONGEST_NOTE:
        raise _refuse(change_id, f"has a note of {len(words)} characters", f"shorten it to {LONGEST_NOTE}")
    given: dict[str, Any] = {"change_id": change_id, "command_id": command_id, "event": event, "actor": actor, "happened_at": now}
    added = sa.insert(CHANGE_EVENTS).values(**given, commit_id=commit_id).returning(CHANGE_EVENTS.c.event_id)
    event_id = connection.scalar(added)
    if words:
        connection.execute(sa.insert(CHANGE_TEXTS).values(event_id=event_id, note=words))


def _is_done(connection: sa.Connection, command_id: UUID) -> bool:
    return bool(connection.scalar(sa.select(sa.exists().where(CHANGE_EVENTS.c.command_id == command_id))))


def _refuse(change_id: UUID, what: str, hint: str) -> ShopkeeperError:
    return ShopkeeperError(Problem(f"change {change_id}", what, hint))
