"""Scores of units that say no more than their answers do: Dirichlet-multinomial, with doubt about how alike the units are.

Each unit's shares of detractors, passives and promoters are drawn from one Dirichlet distribution with mean `centre` and strength A: the
other units count for a unit as A answers of their mean would. Plugging in the likeliest A pretends to know it: with eight units its
intervals hold the truth half as often as they say. So A is integrated out over a grid, and the doubt about the centre is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtri

Array = npt.NDArray[Any]

FEWEST_UNITS = 8
STRENGTHS = np.geomspace(2, 5000, 80)
PRIOR_POWER = 1.5  # of (1 + A): mild, and finite at the end where all units are alike
ADDED = np.array([0.75, 1.5, 0.75])  # answers added to the centre, as adjusted Wald does: no share of it is ever exactly 0
DRAWS = 4000
SEED = 20160901
MARKS = np.array([-1.0, 0.0, 1.0])
Z = float(ndtri(0.975))


@dataclass(frozen=True)
class Belief:
    """What is believed of the units' scores for each strength on a grid; arrays of strengths × units, on the scale −1..1.

    `mean` and `variance` are of a unit's score when strength and centre are known; `pull` is how much of the centre is in the mean,
    and `doubt` (one per strength) the variance of the centre's score.
    """

    mean: Array
    variance: Array
    pull: Array
    doubt: Array


@dataclass(frozen=True)
class Shrunk:
    """One value per unit, on the scale −1..1; `in_top_quartile` is a probability, `strength` the median of A."""

    score: Array
    low: Array
    high: Array
    in_top_quartile: Array
    strength: float


def shrink(counts: Array, *, seed: int = SEED) -> Shrunk | None:
    """Scores of units, each drawn towards the centre of all by how alike they are, with 95 % intervals.

    `counts` is units × (detractors, passives, promoters), answers or what they are worth; units without answers are not among them.
    The best quarter is the `units // 4` highest scores; its probabilities add up to that number.
    Returns None for fewer than 8 units: from those nobody can tell how alike they are. Raises ValueError for a unit without answers
    or a negative count. Source: Dirichlet-multinomial empirical Bayes, with A integrated as in Morris (1983), JASA 78, 47-55.
    """
    counts = np.asarray(counts, float)
    if counts.ndim != 2 or counts.shape[1] != 3 or (counts < 0).any() or (counts.sum(axis=1) <= 0).any():
        raise ValueError("counts must be units × (detractors, passives, promoters), each unit with answers")
    if len(counts) < FEWEST_UNITS:
        return None
    centres, worth = _centres(counts, STRENGTHS)
    weights = _weights(counts, centres, worth)
    known = beliefs(counts, STRENGTHS, centres, worth)
    score = weights @ known.mean
    variance = weights @ (known.variance + known.pull**2 * known.doubt[:, None] + (known.mean - score) ** 2)
    half_width = Z * np.sqrt(variance)
    return Shrunk(
        score=score,
        low=np.maximum(-1, score - half_width),
        high=np.minimum(1, score + half_width),
        in_top_quartile=_in_top_quartile(known, weights, np.random.default_rng(seed)),
        strength=float(np.interp(0.5, np.cumsum(weights), STRENGTHS)),
    )


def beliefs(counts: Array, strengths: Array, centres: Array, worth: Array) -> Belief:
    """Posterior mean `(n·NPS + A·m₀)/(n + A)` and variance `(p̂ + d̂ − m²)/(n + A + 1)` of each unit's score for each strength.

    `centres` is strengths × shares; `worth` is how many independent answers each centre rests on.
    """
    answers = counts.sum(axis=1)
    total = answers + strengths[:, None]
    pull = strengths[:, None] / total
    mean = (counts @ MARKS + strengths[:, None] * (centres @ MARKS)[:, None]) / total
    outer = (counts @ MARKS**2 + strengths[:, None] * (centres @ MARKS**2)[:, None]) / total
    doubt = (centres @ MARKS**2 - (centres @ MARKS) ** 2) / worth
    return Belief(mean=mean, variance=(outer - mean**2) / (total + 1), pull=pull, doubt=doubt)


def log_likelihood(counts: Array, strengths: Array, centres: Array) -> Array:
    """Of the counts under each strength and its centre (strengths × shares, none of them 0), but for a constant."""
    alpha = strengths[:, None] * centres
    answers = counts.sum(axis=1)
    by_share = gammaln(counts[None] + alpha[:, None, :]) - gammaln(alpha)[:, None, :]
    of_answers = gammaln(strengths)[:, None] - gammaln(answers + strengths[:, None])
    likelihoods: Array = (of_answers + by_share.sum(axis=2)).sum(axis=1)
    return likelihoods


def _centres(counts: Array, strengths: Array) -> tuple[Array, Array]:
    """The centre of all units for each strength, and how many independent answers it rests on.

    A unit's shares vary by π(1−π)/n · (n+A)/(1+A) around the centre, so units weigh n(1+A)/(n+A): answers when all units are alike,
    nearly one vote each when they are not.
    """
    answers = counts.sum(axis=1)
    weights = answers * (1 + strengths[:, None]) / (answers + strengths[:, None])
    worth = weights.sum(axis=1) + ADDED.sum()
    return (weights @ (counts / answers[:, None]) + ADDED) / worth[:, None], worth


def _weights(counts: Array, centres: Array, worth: Array) -> Array:
    """Posterior probabilities of the strengths: prior (1+A)^−1.5, the centre integrated out around its estimate, steps of the grid."""
    logs = log_likelihood(counts, STRENGTHS, centres) - np.log(worth) - PRIOR_POWER * np.log1p(STRENGTHS) + np.log(STRENGTHS)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _in_top_quartile(known: Belief, weights: Array, random: np.random.Generator) -> Array:
    """How often a unit is among the best quarter when all scores are drawn together."""
    units = known.mean.shape[1]
    best = units // 4
    times = np.zeros(units)
    for at in np.split(random.choice(len(weights), DRAWS, p=weights), 8):  # in parts, so that thousands of units need little memory
        shift = random.standard_normal(len(at)) * np.sqrt(known.doubt[at])
        spread = random.standard_normal((len(at), units)) * np.sqrt(known.variance[at])
        drawn = known.mean[at] + known.pull[at] * shift[:, None] + spread
        times += (drawn >= np.partition(drawn, units - best, axis=1)[:, units - best, None]).sum(axis=0)
    return times / DRAWS
