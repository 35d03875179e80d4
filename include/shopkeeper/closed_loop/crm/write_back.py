"""Telling the CRM what stands in the outbox, until it has confirmed each record.

At least once: whoever dies after the CRM has taken a record and before that is noted sends it again, under the same external id
and with the same version, which changes nothing there. One run at a time, and the newest entry of a record stands for all before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.crm import pauses
from shopkeeper.closed_loop.crm.adapter import WHERE, Adapter, ComeBackLater, NotTaken, Record, connect
from shopkeeper.closed_loop.crm.outbox import Kind
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.messages.links import answer_link, order_link
from shopkeeper.warehouse.locks import exclusive

LOCK = "crm"
LOCK_SECONDS = 60.0
ROUND = 1000
IN_A_ROW = 20  # so many records not taken, one after the other, are about the CRM and not about them
LONGEST_WAIT = timedelta(days=1)

Note = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    entry_id: int
    kind: Kind
    external_id: str
    order_id: UUID | None
    content: dict[str, Any]
    attempts: int

    @property
    def record(self) -> Record:
        """With a link to where the desk shows what it is about, the customer's words among it: the order, else the answer."""
        link = order_link(self.order_id) if self.order_id else answer_link(self.content["response_key"])
        return Record(self.kind, self.external_id, self.entry_id, link, self.content)


def write_back(engine: sa.Engine, folder: CompanyFolder, *, now: datetime, note: Note = lambda text: None) -> dict[str, Any]:
    """Send what is due, oldest first; returns counts: written, not_taken, waiting; or why nothing was done.

    Raises ShopkeeperError when the CRM cannot be reached, is not set up, or takes nothing. What was confirmed by then stays
    confirmed, everything else waits for the next run.
    """
    settings = folder.closed_loop.crm
    if settings is None:
        return {"why_nothing": "closed_loop.yml names no CRM"}
    with exclusive(engine, LOCK, wait_seconds=LOCK_SECONDS):
        if until := pauses.until(engine, now=now):
            return {"why_nothing": pauses.told(until)}
        counts = Counter[str]()
        with closing(connect(settings)) as crm:
            try:
                _Run(engine, crm, now, counts).work()
            except ComeBackLater as asked:
                pauses.keep(engine, asked, now=now)
                note("the CRM asks for a pause")
    with engine.connect() as connection:
        waiting = connection.scalar(sa.text("select count(*) from ops.crm_outbox where done_at is null"))
    note(f"{counts['written']} records written")
    return {"written": counts["written"], "not_taken": counts["not_taken"], "waiting": waiting}


# The newest waiting entry of each record, where it is due; those put in meanwhile are for the next round.
_DUE = """
    select entry_id, kind, external_id, order_id, content, attempts
    from (
        select distinct on (kind, external_id) *
        from ops.crm_outbox where done_at is null
        order by kind, external_id, entry_id desc
    ) as newest
    where due_at <= :now
    order by entry_id
    limit :round
"""

_DONE = """
    update ops.crm_outbox as entry
    set
        done_at = :now,
        skipped_for = case when entry.entry_id < sent.entry_id then sent.entry_id end,
        problem = case when entry.entry_id < sent.entry_id then entry.problem end
    from unnest(cast(:entry_ids as bigint[])) as sent_ids (entry_id)
    inner join ops.crm_outbox as sent on sent_ids.entry_id = sent.entry_id
    where entry.external_id = sent.external_id and entry.kind = sent.kind and entry.entry_id <= sent.entry_id and entry.done_at is null
"""

_PUT_OFF = "update ops.crm_outbox set attempts = attempts + 1, due_at = :due_at, problem = :problem where entry_id = :entry_id"


class _Run:
    def __init__(self, engine: sa.Engine, crm: Adapter, now: datetime, counts: Counter[str]) -> None:
        self.engine, self.crm, self.now, self.counts = engine, crm, now, counts
        self.in_a_row = 0

    def work(self) -> None:
        while entries := self._due():
            for portion in _portions(entries, self.crm.size):
                self._write(portion)

    def _due(self) -> list[Entry]:
        with self.engine.connect() as connection:
            return [Entry(**row) for row in connection.execute(sa.text(_DUE), {"now": self.now, "round": ROUND}).mappings()]

    def _write(self, entries: Sequence[Entry]) -> None:
        try:
            self.crm.write(entries[0].kind, [entry.record for entry in entries])
        except NotTaken as refusal:
            if len(entries) > 1:  # one of them is at fault: alone, the others are taken
                for entry in entries:
                    self._write([entry])
                return
            self._put_off(entries[0], refusal.what, self._next_try(entries[0]))
            self.counts["not_taken"] += 1
            self.in_a_row += 1
            if self.in_a_row == IN_A_ROW:
                raise fail(WHERE, f"{refusal.what}, {IN_A_ROW} times in a row", "see the CRM's own log; nothing is lost") from None
        except ShopkeeperError as error:
            self._put_off(entries[0], error.problems[0].what, self.now)
            raise
        else:
            self.in_a_row = 0
            self.counts["written"] += len(entries)
            with self.engine.begin() as connection:
                connection.execute(sa.text(_DONE), {"now": self.now, "entry_ids": [entry.entry_id for entry in entries]})

    def _next_try(self, entry: Entry) -> datetime:
        return self.now + min(timedelta(minutes=2 ** min(entry.attempts, 20)), LONGEST_WAIT)

    def _put_off(self, entry: Entry, problem: str, due_at: datetime) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(_PUT_OFF), {"entry_id": entry.entry_id, "problem": problem, "due_at": due_at})


def _portions(entries: Sequence[Entry], size: int) -> Iterator[list[Entry]]:
    """Entries of one kind, at most `size` at a time, in their order."""
    for _, same in groupby(entries, key=lambda entry: entry.kind):
        run = list(same)
        yield from (run[first : first + size] for first in range(0, len(run), size))
