"""Difference in differences between units where something was done and units where it was not.

Each unit gives one number, its score after less its score before, with the variance that so many answers have. What else moves units
apart is estimated from how much more they differ (Paule and Mandel 1982), and the effect is a random-effects meta-regression on
whether it was done there, with Knapp and Hartung's (2003) t interval, whose variance is never taken below what was supposed: units are
the clusters, so many answers of few units do not make up for few units.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Array = npt.NDArray[np.float64]

LEVEL = 0.95
FEWEST_TREATED, FEWEST_COMPARABLE = 2, 8
DEALS = 2000  # ways to deal out the treated units: all of them where there are no more
TREND_LEVEL = 0.01

USABLE = "usable"
NOTHING_TO_COMPARE = "too few units to compare with"
TOO_FEW_TREATED = "too few units where it was done"
TRENDS_DIFFERED = "the units moved apart before it started"

# What a measure makes of a detractor, a passive and a promoter.
MARKS = {"nps": (-1.0, 0.0, 1.0), "promoters": (0.0, 0.0, 1.0), "detractors": (1.0, 0.0, 0.0)}


@dataclass(frozen=True)
class Change:
    """One contrast between both kinds of unit, on the scale -1 to 1."""

    effect: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Finding:
    """In points. `effect` and its ends are None unless the verdict is usable; `placebo_p` and `trend_p` wherever they could be had."""

    verdict: str
    treated: int
    comparable: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    placebo_p: float | None = None
    trend_p: float | None = None


def find(counts: npt.NDArray[np.int64], treated: npt.NDArray[np.bool_], *, measure: str, fewest: int, seed: int) -> Finding:
    """The effect of what was done in the treated units.

    `counts` is units × windows × bands: the earlier and the later half of the time before, and the time after; detractors, passives,
    promoters. Units with fewer than `fewest` answers before or after are left out. `treated` says where it was done.
    """
    before, after = counts[:, 0] + counts[:, 1], counts[:, 2]
    enough = (before.sum(axis=1) >= fewest) & (after.sum(axis=1) >= fewest)
    done, others = int((enough & treated).sum()), int((enough & ~treated).sum())
    if done < FEWEST_TREATED:
        return Finding(TOO_FEW_TREATED, done, others)
    if others < FEWEST_COMPARABLE:
        return Finding(NOTHING_TO_COMPARE, done, others)
    counts, before, after, treated = counts[enough], before[enough], after[enough], treated[enough]
    change, variance = differences(before, after, measure)
    found = contrast(change, variance, treated)
    chance = placebo_p(change, variance, treated, seed=seed)
    apart = _trend(counts, treated, measure, fewest)
    if apart is not None and apart < TREND_LEVEL:
        return Finding(TRENDS_DIFFERED, done, others, placebo_p=chance, trend_p=apart)
    points = (100 * found.effect, 100 * found.low, 100 * found.high)
    return Finding(USABLE, done, others, *points, placebo_p=chance, trend_p=apart)


def differences(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64], measure: str) -> tuple[Array, Array]:
    """Each unit's measure after less before, and the sampling variance of that; both windows are units × bands."""
    (score, variance), (score_before, variance_before) = _measured(after, measure), _measured(before, measure)
    return score - score_before, variance + variance_before


def _measured(counts: npt.NDArray[np.int64], measure: str) -> tuple[Array, Array]:
    """Score and variance. Three answers are added to the variance as in Rocks (2016): ten that are all alike are no certainty."""
    marks, n = np.array(MARKS[measure]), counts.sum(axis=1)
    score: Array = counts @ marks / n
    shares = (counts + np.array([0.75, 1.5, 0.75])) / (n + 3)[:, None]
    centre = shares @ marks
    variance: Array = (shares @ marks**2 - centre**2) / n
    return score, variance


def contrast(change: Array, variance: Array, treated: npt.NDArray[np.bool_]) -> Change:
    """Treated less comparable, by units. Source: Knapp and Hartung 2003, Statistics in Medicine 22; the factor is at least 1."""
    between = between_units(change, variance, treated)
    weight = 1 / (variance + between)
    means, sums = _means(change, weight, treated)
    spread = float(weight @ (change - np.where(treated, *means)) ** 2)
    free = len(change) - 2
    error = float(np.sqrt(max(1.0, spread / free) * (1 / sums[0] + 1 / sums[1])))
    effect = means[0] - means[1]
    half = float(stats.t.ppf((1 + LEVEL) / 2, free)) * error
    return Change(effect, effect - half, effect + half, float(2 * stats.t.sf(abs(effect) / error, free)))


def between_units(change: Array, variance: Array, treated: npt.NDArray[np.bool_]) -> float:
    """Variance of units' changes beyond sampling: that at which the weighted squares are as many as there are degrees of freedom."""

    def excess(between: float) -> float:
        weight = 1 / (variance + between)
        means, _ = _means(change, weight, treated)
        return float(weight @ (change - np.where(treated, *means)) ** 2) - (len(change) - 2)

    if excess(0.0) <= 0:
        return 0.0
    most = float(((change - change.mean()) ** 2).sum()) + 1.0
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-12))


def _means(change: Array, weight: Array, treated: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Weighted mean and sum of weights: treated, others."""
    sums = tuple(float(weight[rows].sum()) for rows in (treated, ~treated))
    means = tuple(float(weight[rows] @ change[rows]) / total for rows, total in zip((treated, ~treated), sums, strict=True))
    return (means[0], means[1]), (sums[0], sums[1])


def placebo_p(change: Array, variance: Array, treated: npt.NDArray[np.bool_], *, seed: int) -> float:
    """Share of ways to deal out as many treated units in which they differ from the others at least as much as the real ones do."""
    n, k = len(change), int(treated.sum())
    nobody = np.zeros(n, bool)
    nobody[0] = True  # under the null all units are of one kind: one is set apart so that both kinds have a mean
    weight = 1 / (variance + between_units(change, variance, nobody))
    if comb(n, k) <= DEALS:
        chosen = np.array(list(combinations(range(n), k)))
    else:
        random = np.random.default_rng(seed)
        drawn = np.argsort(random.random((DEALS - 1, n)), axis=1)[:, :k]
        chosen = np.vstack([np.flatnonzero(treated)[None, :], drawn])
    inside, weighted = weight[chosen].sum(axis=1), (weight * change)[chosen].sum(axis=1)
    outside, weighted_outside = weight.sum() - inside, (weight * change).sum() - weighted
    apart = np.abs(weighted / inside - weighted_outside / outside) / np.sqrt(1 / inside + 1 / outside)
    real = weight[treated].sum()
    observed = abs((weight * change)[treated].sum() / real - (weight * change)[~treated].sum() / weight[~treated].sum()) / np.sqrt(
        1 / real + 1 / weight[~treated].sum()
    )
    return float((apart >= observed - 1e-12).mean())


def _trend(counts: npt.NDArray[np.int64], treated: npt.NDArray[np.bool_], measure: str, fewest: int) -> float | None:
    """p of no difference within the time before; None where too few units have enough answers in both of its halves."""
    earlier, later = counts[:, 0], counts[:, 1]
    enough = (earlier.sum(axis=1) >= fewest / 2) & (later.sum(axis=1) >= fewest / 2)
    if (enough & treated).sum() < FEWEST_TREATED or (enough & ~treated).sum() < FEWEST_COMPARABLE:
        return None
    return contrast(*differences(earlier[enough], later[enough], measure), treated[enough]).p
