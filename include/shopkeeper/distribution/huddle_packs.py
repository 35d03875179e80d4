"""Huddle packs: once a week one page for each team, to be printed, read aloud and written on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import figures, loops, people, publication, themes, voices
from shopkeeper.distribution.figures import Period, Score
from shopkeeper.distribution.letter import Letter
from shopkeeper.distribution.loops import Loops
from shopkeeper.distribution.people import Unit
from shopkeeper.distribution.voices import Lesson, Voice
from shopkeeper.messages import outbox
from shopkeeper.warehouse import ids

WORDS_OF_DAYS, LESSONS_OF_DAYS = 7, 28
LESSONS = 2
TOLD, TOLD_FOR = 2, timedelta(days=365)


@dataclass(frozen=True)
class Pack:
    """What one team talks about in the week that begins on that Monday."""

    unit: Unit
    week_starts_on: date
    scores: tuple[Score, ...]
    trend: tuple[Period, ...]
    voices: tuple[Voice, ...]
    loops: Loops
    lessons: tuple[Lesson, ...]
    told: tuple[themes.Told, ...]


def post_packs(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, int | str]:
    """Write the week's pack of each team to who leads it, once a week; returns how many were posted, and why none where that is so."""
    with engine.begin() as connection:
        published = publication.newest(connection, folder)
        if published is None:
            return {"posted": 0, "why_nothing": publication.NOTHING_PUBLISHED}
        if why := publication.why_silent(connection, folder, published, now=now):
            return {"posted": 0, "why_nothing": why}
        letter, messages = Letter(folder, published.day), []
        made = {pack.unit.unit_id: pack for pack in packs(connection, published, now=now)}
        for person in people.everybody(connection, people.units(connection)):
            if person.leads and (pack := made.get(person.leads.unit_id)):
                identity = f"huddle_pack|{pack.unit.unit_id}|{person.employee_id}|{pack.week_starts_on.isoformat()}"
                messages.append(letter.huddle_pack(pack, person.employee_id, person.locale, identity=identity, due_at=now))
        return {"posted": outbox.post(connection, messages, now=now)}


def build_site(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, bytes]:
    """The packs of the week that is going on as a site: a list of teams, and a page for each; empty before the first publication."""
    with engine.connect() as connection:
        published = publication.newest(connection, folder)
        if published is None:
            return {}
        made = packs(connection, published, now=now)
    letter = Letter(folder, published.day)
    pages = {f"{ids.stable_id('huddle_pack', pack.unit.unit_id)}.html": pack for pack in made}
    listed = [(name, pack.unit.name) for name, pack in sorted(pages.items(), key=lambda one: one[1].unit.name)]
    index = letter.list_of_packs(listed, published.week_starts_on)
    return {"index.html": index.encode()} | {name: letter.printed(pack).encode() for name, pack in pages.items()}


def packs(connection: sa.Connection, published: publication.Publication, *, now: datetime) -> list[Pack]:
    """One pack per team of which something is known, for the week that is going on."""
    day = published.day
    scores, trends = figures.of_units(connection), figures.trends(connection, "team")
    said, learned = voices.of_units(connection, day, days=WORDS_OF_DAYS), voices.learned(connection, day, days=LESSONS_OF_DAYS)
    open_loops = loops.of_units(connection, now=now)
    told = tuple(one for one in themes.told(connection) if one.done_on >= day - TOLD_FOR)[:TOLD]
    made = []
    for unit in people.units(connection).values():
        own = scores.get(unit.unit_id, [])
        if unit.kind != "team" or not (own or unit.unit_id in said or unit.unit_id in open_loops):
            continue
        main = own[0] if own else None
        made.append(
            Pack(
                unit=unit,
                week_starts_on=published.week_starts_on,
                scores=tuple(own),
                trend=tuple(trends.get((unit.unit_id, main.programme, main.metric), ())) if main else (),
                voices=tuple(said.get(unit.unit_id, ())),
                loops=open_loops.get(unit.unit_id, Loops()),
                lessons=tuple(learned.get(unit.unit_id, ())[:LESSONS]),
                told=told,
            )
        )
    return made
