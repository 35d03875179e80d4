"""Companies whose score moves in known ways, with a goal in the middle of its period: what was said, and what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shopkeeper.analysis.goals.projection import Ahead, Months, Projection, project

Array = npt.NDArray[Any]

DAYS = 30


@dataclass(frozen=True)
class Said:
    """A goal: what was projected, the target, the score in the end (−1…1), and whether it was met."""

    projection: Projection
    target: float
    score: float

    @property
    def is_met(self) -> bool:
        return self.score >= self.target


@dataclass(frozen=True)
class Moves:
    """How the scores of a company move, on −1…1 a month, and how uneven the numbers of its answers are."""

    step: float
    swing: float
    drawn_back: float
    season: float
    feast: float


def company(seed: int, goals: int = 12, months: int = 30) -> list[Said]:
    """Goals of one company. Its cells differ in size and level; how much they step, swing and fade back is the company's own.

    Levels do not walk as the projection supposes: they are drawn back to where they came from, there is a season in some companies, and
    numbers of answers have months of feast and famine.
    """
    random = np.random.default_rng(seed)
    moves = Moves(
        step=random.choice([0.0, 0.01, 0.02, 0.03]),
        swing=random.choice([0.0, 0.02, 0.04, 0.07]),
        drawn_back=random.choice([0.0, 0.05, 0.2]),
        season=random.choice([0.0, 0.0, 0.03]),
        feast=random.choice([0.1, 0.3, 0.6]),
    )
    return [_goal(random, months, moves) for _ in range(goals)]


def _goal(random: np.random.Generator, months: int, moves: Moves) -> Said:
    home, passives = random.uniform(-0.2, 0.6), random.uniform(0.15, 0.4)
    usual = float(np.exp(random.uniform(np.log(15), np.log(600))))
    length = int(random.choice([1, 3, 12]))
    done = random.uniform(0.15, 0.85) * length  # months of the period that are over
    level, scores = home, np.zeros(months + length + 1)
    for month in range(len(scores)):
        level += moves.drawn_back * (home - level) + moves.step * random.standard_normal()
        scores[month] = level + moves.swing * random.standard_normal() + moves.season * np.sin(2 * np.pi * month / 12)
    scores = np.clip(scores, -(1 - passives), 1 - passives)
    numbers = random.poisson(usual * random.gamma(1 / moves.feast**2, moves.feast**2, len(scores)))
    begins, running, part = months, months + int(done), done - int(done)
    answers, net, loud, rest = np.zeros(running + 1), np.zeros(running + 1), np.zeros(running + 1), [0, 0]
    for month in range(begins + length):
        before = numbers[month] if month < running else random.binomial(numbers[month], part) if month == running else 0
        for number, is_seen in ((before, True), (numbers[month] - before, False)):
            up, down = (1 - passives + scores[month]) / 2, (1 - passives - scores[month]) / 2
            promoters, detractors, _ = random.multinomial(number, [up, down, max(0.0, 1 - up - down)])
            if is_seen and month <= running:
                answers[month] += number
                net[month] += promoters - detractors
                loud[month] += promoters + detractors
            else:
                rest[0] += number
                rest[1] += promoters - detractors
    first = max(0, running - 12)
    over = answers[first:running]
    days = (DAYS * (1 - part), *(DAYS for _ in range(begins + length - running - 1)))
    spread = float(np.sqrt(max(0.0, over.var(ddof=1) - over.mean())) / over.mean()) if over.mean() else 0.0
    ahead = Ahead(int(answers[begins:].sum()), int(net[begins:].sum()), days, float(over.mean() / DAYS), spread)
    # targets that a leader would set: around what was, now and then far off
    target = float(np.clip(round(100 * (home + 0.08 * random.standard_normal())) / 100, -1, 1))
    found = project(Months(answers, net, loud), ahead, target)
    assert found is not None
    total = ahead.answers + rest[0]
    return Said(found, target, (ahead.net + rest[1]) / total if total else 0.0)


def calibration(said: list[Said], parts: int = 5) -> list[tuple[float, float, float, float, int]]:
    """By how likely it was said to be: from, to, mean probability said, share met, goals."""
    probability = np.array([one.projection.probability for one in said])
    is_met = np.array([one.is_met for one in said])
    edges = np.linspace(0, 1, parts + 1)
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, parts - 1)
    return [
        (
            float(edges[p]),
            float(edges[p + 1]),
            float(probability[place == p].mean()),
            float(is_met[place == p].mean()),
            int((place == p).sum()),
        )
        for p in range(parts)
        if (place == p).any()
    ]
