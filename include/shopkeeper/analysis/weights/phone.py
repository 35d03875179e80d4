"""Phoning some of the silent of a wave: whom to call, and what the calls say of everybody who was invited.

Reads marts alone, and calls nobody. The calls come back as a file of customers and scores, of which counts are kept and no customers.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis.weights.two_phase import FollowUp, follow_up
from shopkeeper.analysis.weights.wave import Array
from shopkeeper.errors import fail
from shopkeeper.survey.random_numbers import random_number
from shopkeeper.warehouse.phone_tables import PHONE_FOLLOW_UPS

FIRST_PASSIVE, FIRST_PROMOTER = 7, 9
BANDS = ("detractor", "passive", "promoter")
METRIC = "nps"


@dataclass(frozen=True)
class Silence:
    """Who answered a wave and who did not.

    `answered`: K × 3, detractors, passives and promoters with each of the K values of `design_weight`. `silent`: customer → place of the
    customer's design weight; of them `refused` said no. `heard`: customers who answered, whether the answer counts or not.
    `publication_id`: whose marts say so.
    """

    wave: str
    design_weight: Array
    answered: Array
    silent: Mapping[str, int]
    refused: frozenset[str]
    heard: frozenset[str]
    publication_id: int


@dataclass(frozen=True)
class Phoned:
    """What the calls say; of `called` customers some gave a score: `told` detractors, passives and promoters.

    `answered_since` more were called, who have answered by themselves since, and count as such.
    """

    found: FollowUp
    called: int
    told: Array
    answered_since: int

    @property
    def reached(self) -> int:
        return int(self.told.sum())


def silence(connection: sa.Connection, programme: str, wave: str) -> Silence:
    """Everybody whom a wave was sent to, from the marts. Answers that are not counted are left out, on both sides.

    Raises ShopkeeperError for a wave that was not sent, whose chances nobody knows, or that asks on another scale.
    """
    name = f"{programme}/{wave}"
    publication = connection.scalar(sa.text("select max(publication_id) from quality.publications"))
    if publication is None:
        raise fail(name, "nothing has been published yet", "./shopkeeper run")
    rows = connection.execute(sa.text(_INVITED), {"programme": programme, "wave": wave}).all()
    if not rows:
        raise fail(name, "nobody was invited by this wave", "./shopkeeper wave list shows which there are; the marts know it after a run")
    if {row.metric for row in rows} - {None, METRIC}:
        raise fail(name, "asks on another scale than 0 to 10", "this estimate is for the Net Promoter Score")
    if any(row.design_weight is None for row in rows):
        raise fail(name, "was drawn with chances that nobody knows", "a quota that stops on answers speaks for nobody else")
    design_weight, places = np.unique([float(row.design_weight) for row in rows], return_inverse=True)
    answered = np.zeros((len(design_weight), len(BANDS)), int)
    for place, row in zip(places, rows, strict=True):
        if row.band is not None:
            answered[place, BANDS.index(row.band)] += 1
    heard = frozenset(row.customer_id for row in rows if row.has_answered)
    silent = {row.customer_id: int(place) for place, row in zip(places, rows, strict=True) if row.customer_id not in heard}
    refused = frozenset(row.customer_id for row in rows if row.has_refused)
    return Silence(name, design_weight, answered, silent, refused, heard, publication)


_INVITED = """
    select
        invitations.customer_id,
        invitations.design_weight,
        responses.band,
        responses.metric,
        responses.band is not null or invitations.disposition = 'completed' as has_answered,
        invitations.aapor_class is not distinct from 'R' or coalesce(customers.opted_out, false) as has_refused
    from marts.fct_survey_invitations as invitations
    left join marts.fct_survey_responses as responses
        on invitations.invitation_id = responses.invitation_id and responses.excluded_reason is null and responses.band is not null
    left join marts.dim_customers as customers on invitations.customer_id = customers.customer_id
    where invitations.programme = :programme and invitations.wave = :wave
        and invitations.invited_at is not null and invitations.customer_id is not null
        and invitations.aapor_class is distinct from 'NE'
    order by invitations.customer_id
"""


def draw(silence: Silence, calls: int) -> list[str]:
    """A random sample of the silent who have not refused, by permanent random number: the same each time, a larger one holds a smaller one.

    Fewer than `calls` where there are not so many. Raises ShopkeeperError for no calls.
    """
    if calls < 2:
        raise fail("calls", f"{calls} say nothing", "ask for at least 2; a few hundred say something")
    free = [customer for customer in silence.silent if customer not in silence.refused]
    return sorted(free, key=lambda customer: (random_number(f"{silence.wave}|phone", customer), customer))[:calls]


def read_calls(file: Path) -> dict[str, int | None]:
    """Customer → score of a CSV file with the columns customer_id and score; no score means not reached.

    Columns may be parted by semicolons, as spreadsheets write them in much of Europe. Raises ShopkeeperError naming the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            delimiter = ";" if ";" in text.readline() else ","
            text.seek(0)
            reader = csv.DictReader(text, delimiter=delimiter)
            if not {"customer_id", "score"} <= set(reader.fieldnames or ()):
                raise fail(
                    str(file), "needs the columns customer_id and score", "a line per call; leave score empty where nobody was reached"
                )
            calls: dict[str, int | None] = {}
            for number, row in enumerate(reader, start=2):
                customer, score = (row["customer_id"] or "").strip(), (row["score"] or "").strip()
                if customer in calls:
                    raise fail(f"{file}, line {number}", "this customer is there twice", "keep one line for each customer")
                if score and (not score.isdecimal() or int(score) > 10):
                    raise fail(
                        f"{file}, line {number}", "the score is not a whole number from 0 to 10", "leave it empty where nobody was reached"
                    )
                calls[customer] = int(score) if score else None
            return calls
    except (OSError, UnicodeDecodeError) as error:
        raise fail(str(file), f"cannot be read: {type(error).__name__}", "a CSV file in UTF-8") from None


def estimate(silence: Silence, calls: Mapping[str, int | None]) -> Phoned:
    """The score of everybody who was invited, from answers and calls.

    Whoever was called and has answered by himself or herself since counts there: the other calls are still a random sample of those who
    are silent. Raises ShopkeeperError where somebody was called whom the wave did not ask, or where there are too few answers or calls to
    say anything.
    """
    strangers = [line for line, customer in enumerate(calls, start=2) if customer not in silence.silent and customer not in silence.heard]
    if strangers:
        lines = ", ".join(map(str, strangers[:5])) + (", …" if len(strangers) > 5 else "")
        hint = f"call whom ./shopkeeper follow-up draw names, and take others out (line {lines})"
        raise fail(silence.wave, f"{len(strangers)} of {len(calls)} customers called were not invited by this wave", hint)
    told = np.zeros_like(silence.answered)
    for customer, score in calls.items():
        if score is not None and customer in silence.silent:
            told[silence.silent[customer], int(np.digitize(score, [FIRST_PASSIVE, FIRST_PROMOTER]))] += 1
    answers = int(silence.answered.sum())
    if min(told.sum(), answers) < 2:
        raise fail(silence.wave, f"{told.sum()} calls with a score and {answers} answers", "at least two of each are needed")
    silent = np.bincount(list(silence.silent.values()), minlength=len(told))
    answered_since = len(silence.heard & set(calls))
    return Phoned(
        follow_up(silence.answered, silent, told, silence.design_weight), len(calls) - answered_since, told.sum(axis=0), answered_since
    )


def keep(connection: sa.Connection, silence: Silence, said: Phoned, *, actor: str, now: datetime) -> None:
    """Write the estimate down, in counts alone; the next build shows it in `phone_follow_ups`. Of a wave the newest stands."""
    programme, _, wave = silence.wave.partition("/")
    counts = {
        f"{part}_{band}s": int(number)
        for part, numbers in (("answered", silence.answered.sum(axis=0)), ("phone", said.told))
        for band, number in zip(BANDS, numbers, strict=True)
    }
    found = said.found
    scores = {"nps": found, "nps_answered": found.answered, "nps_silent": found.silent}
    figures = {
        f"{name}{end}": getattr(score, which)
        for name, score in scores.items()
        for end, which in (("", "nps"), ("_low", "low"), ("_high", "high"))
    }
    connection.execute(
        sa.insert(PHONE_FOLLOW_UPS).values(
            programme=programme,
            wave=wave,
            silent=len(silence.silent),
            called=said.called,
            **counts,
            **{name: round(value, 4) for name, value in figures.items()},
            gap=round(found.gap, 4),
            gap_p=round(found.gap_p, 6),
            publication_id=silence.publication_id,
            actor=actor,
            recorded_at=now,
        )
    )
