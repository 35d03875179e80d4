"""What a score will be at the end of a period that is not over, and how likely it is to reach a target.

A cell's score is not one number that answers show with noise: from month to month it moves by more than sampling does. So the true score of
month t is taken to be `level + swing`: the level walks (each month a step with standard deviation `step`), and each month swings around
it by itself (standard deviation `swing`). A month with n answers shows it with sampling variance v·deff/n. How much a cell steps and
swings is not known; it is integrated out over a grid, weighed by how well each pair foretells the cell's months one after the other,
and by a prior that thinks small movements likelier. What is still to come of the running month shares its swing; later months have
swings of their own. How many answers are to come is not known either: their number is a Gamma with the spread that months have shown.

Everything is on the scale −1…1. Source: the local level model with two sources of movement, as in Harvey (1989), Forecasting,
Structural Time Series Models and the Kalman Filter, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import gamma

Array = npt.NDArray[Any]

STEPS = np.array([0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08])  # of the level, a month
SWINGS = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12])  # of a month by itself
STEP_SCALE, SWING_SCALE = 0.01, 0.03  # means of the exponential priors
GRID = np.array(list(product(STEPS, SWINGS)))
WIDTHS = np.outer(np.gradient(STEPS), np.gradient(SWINGS)).ravel()  # of the grid's steps
VAGUE = 1.0  # variance of the level before the first month
NUMBERS = (np.arange(9) + 0.5) / 9  # quantiles of how many answers are to come
LEAST_PSEUDO = 1.5  # promoters and detractors added to the variance of an answer, and half as many passives: adjusted Wald


@dataclass(frozen=True)
class Months:
    """A cell's months, the running one last: answers, promoters less detractors (`net`), promoters plus detractors (`loud`)."""

    answers: Array
    net: Array
    loud: Array

    def variance(self, deff: float = 1.0) -> float:
        """Of one answer within a month, never 0, times the design effect; pooled over the months."""
        total = self.answers.sum()
        within = self.loud.sum() - (self.net**2 / np.maximum(self.answers, 1)).sum()
        return float(deff * (within + LEAST_PSEUDO) / (total + 2 * LEAST_PSEUDO))


@dataclass(frozen=True)
class Ahead:
    """What is left of a goal's period: answers so far with their `net`; the days left of the running month, and of each later one.

    `days` begins with what is left of the running month (0 when it is over, or is not the goal's); months before the period count 0 days.
    `daily` is how many answers come on a day, `spread` the coefficient of variation of a month's number.
    """

    answers: int
    net: int
    days: tuple[float, ...]
    daily: float
    spread: float

    @property
    def expected(self) -> float:
        """Answers still to come."""
        return self.daily * sum(self.days)


@dataclass(frozen=True)
class Projection:
    """The score at the end: its expectation, what it lies between with 95 %, and the probability that it reaches the target."""

    expected: float
    low: float
    high: float
    probability: float


def project(months: Months, ahead: Ahead, target: float, *, deff: float = 1.0) -> Projection | None:
    """The score at the end of the period. `target` is on −1…1. Nothing is drawn: the same numbers give the same projection.

    Returns None where there is no answer to go by. Raises ValueError when months have negative counts.
    """
    if (months.answers < 0).any():
        raise ValueError("months have negative counts")
    if months.answers.sum() <= 0 or ahead.answers + ahead.expected <= 0:
        return None
    variance = months.variance(deff)
    weights, level, swing = _beliefs(months, variance)
    means, variances, probabilities = [], [], []
    for number in _numbers(ahead):
        mean, spread = _of_number(ahead, number, variance, level, swing)
        means.append(mean)
        variances.append(spread)
        probabilities.append(weights / len(NUMBERS))
    return _told(np.concatenate(probabilities), np.concatenate(means), np.concatenate(variances), target)


def _beliefs(months: Months, variance: float) -> tuple[Array, tuple[Array, Array], tuple[Array, Array, Array]]:
    """For each pair of the grid: its weight; the level's mean and variance; the running month's swing, its variance, and covariance."""
    steps, swings = GRID[:, 0] ** 2, GRID[:, 1] ** 2
    logs = -GRID[:, 0] / STEP_SCALE - GRID[:, 1] / SWING_SCALE
    mean, spread = np.zeros(len(GRID)), np.full(len(GRID), VAGUE)
    swing, swing_spread, shared = np.zeros(len(GRID)), swings.copy(), np.zeros(len(GRID))
    for place, (answers, net) in enumerate(zip(months.answers, months.net, strict=True)):
        if place:
            spread = spread + steps
        swing, swing_spread, shared = np.zeros(len(GRID)), swings.copy(), np.zeros(len(GRID))
        if answers > 0:
            surprise = net / answers - mean
            total = spread + swings + variance / answers
            logs = logs - 0.5 * (np.log(total) + surprise**2 / total)
            swing, swing_spread, shared = swings * surprise / total, swings - swings**2 / total, -spread * swings / total
            mean, spread = mean + spread * surprise / total, spread - spread**2 / total
    weights = np.exp(logs - logs.max()) * WIDTHS
    return weights / weights.sum(), (mean, spread), (swing, swing_spread, shared)


def _numbers(ahead: Ahead) -> Array:
    """How many answers are to come: nine equally likely numbers."""
    expected = ahead.expected
    if expected <= 0:
        return np.zeros(1)
    months = max(1.0, sum(ahead.days) / 30)
    relative = ahead.spread**2 / months + 1 / expected
    numbers = gamma.ppf(NUMBERS, 1 / relative, scale=expected * relative)
    return np.asarray(np.maximum(numbers, 0.0 if ahead.answers else 1.0))


def _of_number(
    ahead: Ahead, number: float, variance: float, level: tuple[Array, Array], swing: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """Mean and variance of the score at the end for each pair of the grid, when so many answers come."""
    total = ahead.answers + number
    days = np.array(ahead.days, float)
    share = number / total * (days / days.sum() if days.sum() else days)  # of the final score, by month
    to_come = share.sum()
    beyond = np.cumsum(share[::-1])[::-1][1:]  # what each later step moves
    mean = ahead.net / total + to_come * level[0] + share[0] * swing[0]
    spread = (
        to_come**2 * level[1]
        + share[0] ** 2 * swing[1]
        + 2 * to_come * share[0] * swing[2]
        + (beyond**2).sum() * GRID[:, 0] ** 2
        + (share[1:] ** 2).sum() * GRID[:, 1] ** 2
        + number * variance / total**2
    )
    return mean, spread


def _told(weights: Array, means: Array, variances: Array, target: float) -> Projection:
    """From a mixture of normal distributions, cut at −1 and 1."""
    weights = weights / weights.sum()
    deviations = np.sqrt(np.maximum(variances, 1e-12))

    def below(score: float) -> float:
        return float(weights @ ndtr((score - means) / deviations))

    def quantile(probability: float) -> float:
        if below(-1) >= probability:
            return -1.0
        if below(1) <= probability:
            return 1.0
        return float(brentq(lambda score: below(score) - probability, -1, 1, xtol=1e-9))

    expected = float(np.clip(weights @ means, -1, 1))
    low, high = quantile(0.025), quantile(0.975)
    return Projection(expected, min(low, expected), max(high, expected), min(1.0, max(0.0, 1 - below(target))))
