"""Scorecards: every working day each employee reads what customers said, and each leader how the unit stands.

The closer to the front line, the more individual and short-term: an employee reads the words of the last week and the own last answers;
who leads a team its people's, week by week; a branch by its teams, month by month; a region by its branches and the company by its regions,
over a year or two. All of it is read in a few queries for everybody at once, and posted once per employee and day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import figures, loops, people, publication, voices
from shopkeeper.distribution.figures import Period, Score
from shopkeeper.distribution.letter import Letter
from shopkeeper.distribution.loops import Loops
from shopkeeper.distribution.people import KINDS, Kind, Person, Unit
from shopkeeper.distribution.voices import Lesson, Voice
from shopkeeper.messages import outbox
from shopkeeper.warehouse import ids

# Days of customers' words by what a reader leads; None is the front line.
WORDS_OF_DAYS: dict[Kind | None, int] = {None: 7, "team": 7, "branch": 28, "region": 91, "company": 91}
LESSONS_OF_DAYS = 28
LAST_ANSWERS, OWN_WORDS = 20, 5
# Posted so many at a time, each lot in a transaction of its own.
LOT = 500


@dataclass(frozen=True)
class Card:
    """What one reader is told. `scores`: his or her own, then those above; `parts`: the scores of whom, or what, he or she leads."""

    person: Person
    scores: tuple[tuple[str | None, Score], ...]
    trend: tuple[Period, ...]
    last_scores: tuple[int, ...]
    parts: tuple[tuple[str, Score | None], ...]
    voices: tuple[Voice, ...]
    loops: Loops
    lessons: tuple[Lesson, ...]


def post_scorecards(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, int | str]:
    """Write everybody's scorecard of the newest publication into the outbox; returns how many were posted.

    Once per employee and day of business time, however often marts are published; again, it posts what is missing. Nothing is posted
    before the first publication, on days on which nobody works, or, in live delivery, about a day long past: `why_nothing` says so.
    """
    with engine.connect() as connection:
        published = publication.newest(connection, folder)
        if published is None:
            return {"posted": 0, "why_nothing": publication.NOTHING_PUBLISHED}
        if why := publication.why_silent(connection, folder, published, now=now):
            return {"posted": 0, "why_nothing": why}
        cards = _missing(connection, _cards(connection, published, now=now), published)
    letter = Letter(folder, published.day)
    posted = 0
    for start in range(0, len(cards), LOT):
        with engine.begin() as connection:
            lot = cards[start : start + LOT]
            messages = [letter.scorecard(card, identity=_identity(card.person, published), due_at=now) for card in lot]
            posted += outbox.post(connection, messages, now=now)
    return {"posted": posted}


def _identity(person: Person, published: publication.Publication) -> str:
    return f"scorecard|{person.employee_id}|{published.day.isoformat()}"


def _missing(connection: sa.Connection, cards: list[Card], published: publication.Publication) -> list[Card]:
    """Those that nobody has written yet: an earlier publication of the day, or a run that was killed, has written the others."""
    named = {ids.stable_id("message", _identity(card.person, published)): card for card in cards}
    there = sa.text("select message_id from ops.messages where message_id = any(:named)")
    for message_id in connection.scalars(there, {"named": list(named)}):
        del named[message_id]
    return list(named.values())


def _cards(connection: sa.Connection, published: publication.Publication, *, now: datetime) -> list[Card]:
    known = people.units(connection)
    return _Figures(connection, known, published, now=now).cards(people.everybody(connection, known))


class _Figures:
    """Everything that cards are made of, read once for all readers."""

    def __init__(self, connection: sa.Connection, known: dict[str, Unit], published: publication.Publication, *, now: datetime) -> None:
        day = published.day
        self._day, self._units = day, known
        self._of_units, self._of_employees = figures.of_units(connection), figures.of_employees(connection)
        self._trends = {key: periods for kind in KINDS for key, periods in figures.trends(connection, kind).items()}
        self._own_voices = voices.of_employees(connection, day, last=LAST_ANSWERS)
        self._voices = {kind: voices.of_units(connection, day, days=WORDS_OF_DAYS[kind]) for kind in KINDS}
        self._lessons = voices.learned(connection, day, days=LESSONS_OF_DAYS)
        self._own_loops, self._loops = loops.of_employees(connection, now=now), loops.of_units(connection, now=now)

    def cards(self, readers: list[Person]) -> list[Card]:
        """One per reader who has something to read."""
        team: dict[str, list[Person]] = defaultdict(list)
        for person in readers:
            team[person.unit.unit_id].append(person)
        below: dict[str, list[Unit]] = defaultdict(list)
        for unit in self._units.values():
            if unit.parent_id:
                below[unit.parent_id].append(unit)
        made = (
            self._of_leader(person, person.leads, team[person.leads.unit_id], below[person.leads.unit_id])
            if person.leads
            else self._of_front_line(person)
            for person in readers
        )
        return [card for card in made if card.scores or card.voices or card.loops.open or card.parts]

    def _of_front_line(self, person: Person) -> Card:
        answers = self._own_voices.get(person.employee_id, [])
        own = self._of_employees.get(person.employee_id, [])
        since = self._day - timedelta(days=WORDS_OF_DAYS[None])
        said = [voice for voice in answers if voice.words and voice.said_on > since][:OWN_WORDS]
        open_loops = self._own_loops.get(person.employee_id, Loops())
        is_concerned = bool(own or answers or open_loops.open)
        return Card(
            person=person,
            scores=(*((None, one) for one in own), *self._first([person.unit], own[0] if own else None)) if is_concerned else (),
            trend=(),
            last_scores=tuple(voice.score for voice in reversed(answers)),
            parts=(),
            voices=tuple(said),
            loops=open_loops,
            lessons=tuple(self._lessons.get(self._branch_of(person.unit), [])),
        )

    def _of_leader(self, person: Person, unit: Unit, team: list[Person], below: list[Unit]) -> Card:
        own = self._of_units.get(unit.unit_id, [])
        main = own[0] if own else None
        if below:
            parts = [(one.name, _like(main, self._of_units.get(one.unit_id, []))) for one in below]
        else:
            others = [one.employee_id for one in team if one.employee_id != person.employee_id]
            parts = [(one, _like(main, self._of_employees.get(one, []))) for one in others]
        return Card(
            person=person,
            scores=(
                *((unit.name, one) for one in own),
                *self._first([self._units[one] for one in unit.above[-1:] if one in self._units], main),
            ),
            trend=tuple(self._trends.get((unit.unit_id, main.programme, main.metric), ())) if main else (),
            last_scores=(),
            parts=tuple(part for part in parts if part[1]),
            voices=tuple(self._voices[unit.kind].get(unit.unit_id, [])),
            loops=self._of_whole_unit(person, unit),
            lessons=tuple(self._lessons.get(unit.unit_id, [])),
        )

    def _of_whole_unit(self, person: Person, unit: Unit) -> Loops:
        """The unit's counts, and the leader's own orders by name: those fall to nobody else."""
        own, whole = self._own_loops.get(person.employee_id, Loops()), self._loops.get(unit.unit_id, Loops())
        return Loops(max(own.open, whole.open), max(own.overdue, whole.overdue), own.listed)

    def _first(self, units: Iterable[Unit], main: Score | None = None) -> Iterable[tuple[str, Score]]:
        """The score of each unit: that of the same programme, else the one with most answers."""
        for unit in units:
            if found := _like(main, self._of_units.get(unit.unit_id, [])):
                yield unit.name, found

    def _branch_of(self, unit: Unit) -> str:
        return next(
            (one for one in (unit.unit_id, *reversed(unit.above)) if one in self._units and self._units[one].kind == "branch"), unit.unit_id
        )


def _like(main: Score | None, scores: list[Score]) -> Score | None:
    if main is None:
        return scores[0] if scores else None
    return next((one for one in scores if (one.programme, one.metric) == (main.programme, main.metric)), None)
