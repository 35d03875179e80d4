"""What the sample company's people say about working there: two surveys by an institute, which hands over units and never names.

Where customers are happier, those who serve them are too: a branch's planted effect moves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from shopkeeper.demo.columns import days, ids, table
from shopkeeper.demo.config import Array, SimulationConfig, day_number
from shopkeeper.demo.organisation import BRANCHES, Organisation, branch_code, team_code

PROGRAMME = "employees"
MONTHS_BEFORE = (9, 3)  # of the end of the history; each survey is open for that month
PROMOTERS, DETRACTORS, OF_BRANCH = 0.34, 0.30, 2.0
ANSWERING, WRITING = 0.72, 0.4
WORDS = (
    ("Targets first, people last.", "Nobody asks us.", "The tools are slow.", "Too much paper.", "We are too few."),
    ("It is all right.", "Fair pay, long days.", "Good team, old tools."),
    ("A great team.", "I may decide things.", "We help each other.", "My boss listens."),
)


@dataclass(frozen=True)
class Survey:
    """One survey: everybody who worked there on its first day, and what each would say. `unit` is the unit's code."""

    starts_on: date
    ends_on: date
    unit: tuple[str, ...]
    branch: Array
    score: Array
    answers: Array
    comments: tuple[str | None, ...]

    @cached_property
    def band(self) -> Array:
        return np.digitize(self.score, (7, 9))


def surveys(config: SimulationConfig, company: Organisation) -> Iterator[Survey]:
    """Both surveys, the older first."""
    months = config.ends_on.year * 12 + config.ends_on.month  # of the month after the last one, from 0 on
    for before in MONTHS_BEFORE:
        starts_on, after = (date(month // 12, month % 12 + 1, 1) for month in (months - before, months - before + 1))
        yield _survey(config, company, starts_on, after - timedelta(days=1))


def files(config: SimulationConfig, company: Organisation) -> Iterator[tuple[str, pa.Table]]:
    """(file name, rows): who answered, by unit and period."""
    for survey in surveys(config, company):
        rows = np.flatnonzero(survey.answers)
        first, last = (np.full(len(rows), day_number(day)) for day in (survey.starts_on, survey.ends_on))
        # in no order that would tell who is who
        rows = config.stream(f"order of staff {survey.starts_on}").permutation(rows)
        number = day_number(survey.starts_on) * 10_000 + np.arange(len(rows))
        yield (
            f"{survey.starts_on:%Y-%m}.csv",
            table(
                id=ids("S", number, width=12),
                first_day=days(first),
                last_day=days(last),
                unit=pa.array([survey.unit[row] for row in rows.tolist()]),
                score=pa.array(survey.score[rows]),
                comment=pa.array([survey.comments[row] for row in rows.tolist()], pa.string()),
            ),
        )


def truth(config: SimulationConfig, company: Organisation) -> list[dict[str, Any]]:
    """Of each survey the score of all who work there, answering or not, and of each branch."""
    return [
        {
            "period": f"{survey.starts_on} to {survey.ends_on}",
            "staff": len(survey.unit),
            "answers": int(survey.answers.sum()),
            "nps": _nps(survey.band),
            "branches": {branch_code(branch): _nps(survey.band[survey.branch == branch]) for branch in range(BRANCHES)},
        }
        for survey in surveys(config, company)
    ]


def _survey(config: SimulationConfig, company: Organisation, starts_on: date, ends_on: date) -> Survey:
    random, day = config.stream(f"staff {starts_on}"), day_number(starts_on)
    posts: dict[int, str | None] = {}
    for posting in company.postings:  # sorted by employee and day: the last one that has begun holds
        if posting.from_day <= day:
            posts[posting.employee] = posting.unit
    units = tuple(unit for _, unit in sorted(posts.items()) if unit is not None)
    branch_of = {branch_code(branch): branch for branch in range(BRANCHES)}
    teams = np.arange(len(company.team_branch))
    branch_of |= {team_code(team): int(branch) for team, branch in enumerate(company.branch_at(teams, np.full(len(teams), day)))}
    branch = np.array([branch_of.get(unit, -1) for unit in units])
    effect = np.where(branch < 0, 0.0, OF_BRANCH * company.branch_effect[branch])
    promoter, detractor = np.clip(PROMOTERS + effect, 0.02, 0.9), np.clip(DETRACTORS - effect, 0.02, 0.9)
    luck = random.random(len(units))
    band = np.where(luck < detractor, 0, np.where(luck > 1 - promoter, 2, 1))
    score = random.integers(np.array([0, 7, 9])[band], np.array([6, 8, 10])[band] + 1)
    answering, writing = random.random(len(units)) < ANSWERING, random.random(len(units)) < WRITING
    words = random.random(len(units))
    comments = tuple(
        WORDS[one][int(words[row] * len(WORDS[one]))] if writes else None
        for row, (one, writes) in enumerate(zip(band.tolist(), writing.tolist(), strict=True))
    )
    return Survey(starts_on, ends_on, units, branch, score, answering, comments)


def _nps(band: Array) -> float:
    return round(100 * float((band == 2).mean() - (band == 0).mean()), 4)
