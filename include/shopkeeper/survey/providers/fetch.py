"""Fetch what providers have: their answers become batches in `raw`, what happened to invitations goes into the ledger.

Run again, or killed anywhere, it changes nothing: windows overlap, answers are versions, and an event stands once.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.survey import collect
from shopkeeper.survey.providers import messages, provider_for, told
from shopkeeper.survey.providers.base import UNKNOWN_QUESTIONS, Answer, Told, Window
from shopkeeper.survey.providers.http import Sleep
from shopkeeper.survey.providers.ivr import Ivr
from shopkeeper.survey.providers.messages import Kept
from shopkeeper.warehouse import batches
from shopkeeper.warehouse.batches import BatchResult
from shopkeeper.warehouse.landing import Fault

ENTITY = "survey_responses"
OVERLAP = timedelta(hours=24)
EVENTS_AT_ONCE = 5000
# A partial answer that nobody has added to for so long will not be added to any more.
OPEN_FOR = timedelta(days=60)
RULES = [(f"extra ? '{UNKNOWN_QUESTIONS}'", "answers", "has an answer to a question that has no role under questions of its provider")]


@dataclass
class Fetched:
    """What a run fetched: batches, events that are new in the ledger, events of no invitation of ours, and what went wrong."""

    batches: list[BatchResult] = field(default_factory=list)
    events: int = 0
    unmatched: int = 0
    problems: list[Problem] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        counts = {name: sum(getattr(batch, name) for batch in self.batches) for name in ("rows_in", "accepted", "unchanged", "rejected")}
        return {"batches": len(self.batches), **counts, "events": self.events, "unmatched_events": self.unmatched}


class FetchFailed(ShopkeeperError):
    """Some providers could not be read; `fetched` is what came from the others."""

    def __init__(self, fetched: Fetched) -> None:
        super().__init__(fetched.problems)
        self.fetched = fetched


def fetch_all(
    engine: sa.Engine,
    folder: CompanyFolder,
    *,
    now: datetime,
    run_id: str | None = None,
    note: Callable[[str], None] = lambda text: None,
    sleep: Sleep = time.sleep,
) -> Fetched:
    """Fetch from every provider of the folder, up to `now`.

    One that fails holds up no other. Raises FetchFailed, a ShopkeeperError, when all have been tried, with every problem.
    """
    fetched = Fetched()
    for name in folder.programmes.providers:
        for fetch in (_fetch_messages, _fetch_responses, _fetch_events):
            try:
                fetch(_Source(engine, folder, name, run=_Run(now, run_id, note, sleep)), fetched)
            except ShopkeeperError as error:
                fetched.problems += [problem for problem in error.problems if problem not in fetched.problems]
    if fetched.problems:
        raise FetchFailed(fetched)
    return fetched


class _Run(NamedTuple):
    now: datetime
    run_id: str | None
    note: Callable[[str], None]
    sleep: Sleep


class _Source:
    """One provider as a source of a batch."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, name: str, *, run: _Run) -> None:
        now, run_id, note, sleep = run
        self.engine, self.folder, self.name, self.now, self.run_id = engine, folder, name, now, run_id
        self.note: Callable[[str], None] = lambda text: note(f"{name}: {text}")
        self.provider, self.settings = provider_for(folder, name, sleep=sleep), folder.programmes.providers[name]
        self.unknown: Counter[str] = Counter()

    def land(self, rows: Iterable[Answer | Fault], *, covers: batches.Span | None, kind: str) -> BatchResult:
        batch = collect.land(
            self.engine,
            self.folder,
            self._watched(rows),
            source=self.name,
            provider=self.settings.kind,
            account=self.settings.account,
            now=self.now,
            run_id=self.run_id,
            covers=covers,
            kind=kind,
            rules=RULES,
        )
        self.note(f"{batch.rows_in:,} answers: {batch.accepted:,} accepted, {batch.unchanged:,} unchanged, {batch.rejected:,} rejected")
        for question, count in sorted(self.unknown.items()):
            self.note(f"{count:,} of them answer {question}, which has no role under questions; they are kept aside")
        return batch

    def _watched(self, rows: Iterable[Answer | Fault]) -> Iterator[Answer | Fault]:
        for row in rows:
            if not isinstance(row, Fault) and (unknown := row.get(UNKNOWN_QUESTIONS)):
                self.unknown.update(unknown.split(", "))
            yield row


# --- answers ----------------------------------------------------------------------------------------------------------


def _fetch_responses(source: _Source, fetched: Fetched) -> None:
    if isinstance(source.provider, Ivr):
        return
    asks = source.settings.kind in ("formbricks", "limesurvey")
    with source.engine.connect() as connection:
        spans = batches.covered(connection, ENTITY, source.name)
        window = _window(connection, source, batches.next_window(spans, source.now, OVERLAP))
    if not asks and source.settings.in_path is None:
        return
    covers = (window.start, window.end) if asks else (batches.EARLIEST, source.now)
    fetched.batches.append(source.land(source.provider.fetch_responses(window), covers=covers, kind="window"))


def _window(connection: sa.Connection, source: _Source, span: batches.Span) -> Window:
    """What to read next: from the last covered moment, less an overlap, and from the answers on that can be read since a question
    got its role. What failed or was withdrawn counts as never read."""
    start, end = span
    answers = """
        select
            max(native_id::bigint) as last_id,
            min(native_id::bigint) filter (where not is_complete and updated_at > :open_since) as first_open_id
        from (
            select distinct on (_key) native_id, is_complete, updated_at from raw.survey_responses
            where _source = :source and native_id ~ '^[0-9]{1,18}$'
                and _batch_id in (select batch_id from ops.batches where source = :source and status in ('landed', 'passed', 'waived'))
            order by _key, updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ) as latest
    """
    given = {"source": source.name, "open_since": end - OPEN_FOR}
    read = connection.execute(sa.text(answers), given).one()
    moments, ids = _mended(connection, source)
    start = min([start, *(moment for moment in moments if moment is not None)])
    if start <= batches.EARLIEST:
        return Window(start, end)
    first_open_id = min((each for each in (read.first_open_id, *ids) if each is not None), default=None)
    return Window(start, end, first_open_id, read.last_id)


def _mended(connection: sa.Connection, source: _Source) -> tuple[list[datetime | None], list[int | None]]:
    """Times and ids of rejects whose questions all have a role by now."""
    query = f"""
        select payload ->> 'extra' as extra, payload ->> 'native_id' as native_id,
            case when pg_input_is_valid(payload ->> 'updated_at', 'timestamptz') then (payload ->> 'updated_at')::timestamptz end as moment
        from rejected.rows
        where entity = '{ENTITY}' and source = :source and closed_by_batch_id is null and payload ->> 'extra' like '%{UNKNOWN_QUESTIONS}%'
    """
    moments: list[datetime | None] = []
    ids: list[int | None] = []
    for row in connection.execute(sa.text(query), {"source": source.name}):
        if set(json.loads(row.extra)[UNKNOWN_QUESTIONS].split(", ")) <= set(source.settings.questions):
            moments.append(row.moment)
            ids.append(int(row.native_id) if (row.native_id or "").isdigit() else None)
    return moments, ids


# --- messages ---------------------------------------------------------------------------------------------------------


def _fetch_messages(source: _Source, fetched: Fetched) -> None:
    """Answers and events that were told: each message is settled once what it says is where it belongs."""
    if isinstance(source.provider, Ivr):
        try:
            messages.take_files(source.engine, source.folder, source.provider)
        except ShopkeeperError as error:  # the rows that can be read have been taken
            fetched.problems += error.problems
    after = 0
    while kept := messages.waiting(source.engine, source.name, after):
        after = kept[-1].message_id
        _settle(source, kept, fetched)


def _settle(source: _Source, kept: Sequence[Kept], fetched: Fetched) -> None:
    answers: list[Answer] = []
    events: list[tuple[int, Told]] = []
    settled: dict[int, None] = {}
    for each in kept:
        try:
            said, happened = source.provider.read_message(each.payload)
        except ShopkeeperError as error:
            fetched.problems += [problem for problem in error.problems if problem not in fetched.problems]
            said, happened = (), ()
        answers += said
        events += [(each.message_id, event) for event in happened]
        settled[each.message_id] = None
    if answers:
        batch = source.land(_with_invitations(source, answers), covers=None, kind="web")
        fetched.batches.append(batch)
    new, unmatched = told.record(source.engine, source.name, (event for _, event in events), now=source.now)
    fetched.events += new
    fetched.unmatched += len(unmatched)
    # What is about an invitation that has not been drawn yet waits for it.
    for place in unmatched:
        settled.pop(events[place][0], None)
    with source.engine.begin() as connection:
        messages.settle(connection, settled, source.now, batch.batch_id if answers else None)


def _with_invitations(source: _Source, answers: Sequence[Answer]) -> list[Mapping[str, str | None]]:
    """Answers that name only the interaction get the invitation that is about it, once there is one."""
    asked = [each["interaction_id"] for each in answers if each.get("interaction_id") and not each.get("invitation_id")]
    query = "select interaction_id, invitation_id::text from ops.invitations where provider = :provider and interaction_id = any(:asked)"
    with source.engine.connect() as connection:
        rows = connection.execute(sa.text(query), {"provider": source.name, "asked": asked}).all()
    found: dict[str | None, str] = {row.interaction_id: row.invitation_id for row in rows}
    return [{**each, "invitation_id": each.get("invitation_id") or found.get(each.get("interaction_id"))} for each in answers]


# --- events -----------------------------------------------------------------------------------------------------------


def _fetch_events(source: _Source, fetched: Fetched) -> None:
    window = Window(batches.EARLIEST, source.now)
    part: list[Told] = []
    try:
        for event in source.provider.fetch_events(window):
            part.append(event)
            if len(part) == EVENTS_AT_ONCE:
                _record(source, part, fetched)
                part = []
    finally:  # a row that cannot be read holds up no other
        _record(source, part, fetched)


def _record(source: _Source, part: Sequence[Told], fetched: Fetched) -> None:
    new, unmatched = told.record(source.engine, source.name, part, now=source.now)
    fetched.events += new
    fetched.unmatched += len(unmatched)
