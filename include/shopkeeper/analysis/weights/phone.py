"""Phoning some of the silent of a wave: whom to call, and what the calls say of everybody who was invited.

Reads marts alone; nothing here calls anybody, and nothing is kept. The calls come back as a file of customers and scores.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis.weights.two_phase import FollowUp, follow_up
from shopkeeper.analysis.weights.wave import Array
from shopkeeper.errors import fail
from shopkeeper.survey.random_numbers import random_number

FIRST_PASSIVE, FIRST_PROMOTER = 7, 9
BANDS = ("detractor", "passive", "promoter")


@dataclass(frozen=True)
class Silence:
    """Who answered a wave and who did not. `answered`: detractors, passives, promoters. `silent`: customers, of whom `refused` said no."""

    wave: str
    answered: Array
    silent: tuple[str, ...]
    refused: frozenset[str]


@dataclass(frozen=True)
class Phoned:
    """What the calls say; of `called` customers `reached` gave a score."""

    found: FollowUp
    called: int
    reached: int


def silence(connection: sa.Connection, programme: str, wave: str, marts: str = "marts") -> Silence:
    """Everybody whom a wave was sent to, from the marts. Answers that are not counted are left out, on both sides.

    Raises ShopkeeperError for a wave that was not sent, or that drew some with a greater chance than others.
    """
    rows = connection.execute(
        sa.text(f"""
            select
                invitations.customer_id,
                invitations.design_weight,
                responses.band,
                invitations.aapor_class is not distinct from 'R' or coalesce(customers.opted_out, false) as has_refused
            from {marts}.fct_survey_invitations as invitations
            left join {marts}.fct_survey_responses as responses
                on invitations.invitation_id = responses.invitation_id and responses.excluded_reason is null and responses.band is not null
            left join {marts}.dim_customers as customers on invitations.customer_id = customers.customer_id
            where invitations.programme = :programme and invitations.wave = :wave
                and invitations.invited_at is not null and invitations.customer_id is not null
                and invitations.aapor_class is distinct from 'NE'
                and (responses.band is not null or invitations.disposition <> 'completed')
            order by invitations.customer_id
        """),
        {"programme": programme, "wave": wave},
    ).all()
    name = f"{programme}/{wave}"
    if not rows:
        raise fail(name, "nobody was invited by this wave", "./shopkeeper wave list shows which there are")
    if len({row.design_weight for row in rows}) > 1:
        raise fail(name, "was drawn with unequal chances", "this estimate is for waves in which each customer had the same chance")
    answered = np.array([sum(row.band == band for row in rows) for band in BANDS])
    silent = [row for row in rows if row.band is None]
    return Silence(
        name, answered, tuple(row.customer_id for row in silent), frozenset(row.customer_id for row in silent if row.has_refused)
    )


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

    Raises ShopkeeperError naming the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
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

    Raises ShopkeeperError where somebody was called who was not silent, or where there are too few answers or calls to say anything.
    """
    strangers = len(set(calls) - set(silence.silent))
    if strangers:
        hint = "call whom ./shopkeeper follow-up draw names; who has answered since is no longer silent"
        raise fail(silence.wave, f"{strangers} of {len(calls)} customers called were not silent in this wave", hint)
    scores = np.array([score for score in calls.values() if score is not None], int)
    if len(scores) < 2 or silence.answered.sum() < 2:
        raise fail(
            silence.wave, f"{len(scores)} calls with a score and {silence.answered.sum()} answers", "at least two of each are needed"
        )
    told = np.bincount(np.digitize(scores, [FIRST_PASSIVE, FIRST_PROMOTER]), minlength=3)
    return Phoned(follow_up(silence.answered, len(silence.silent), told), len(calls), len(scores))
