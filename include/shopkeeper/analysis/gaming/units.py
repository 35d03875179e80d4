"""Each unit against the others: beta-binomial, with the case mix in, the unit and its branch left out, and doubt about both parameters.

A unit's count is drawn from BetaBinomial(n, A·π, A·(1−π)), where π is what its case mix makes of the company's level, and A says how
much units differ for good reasons. Level and spread are learned from the other units alone and integrated over, in place of plugged
in: few units know little of how much units differ, and a tail probability that forgets this accuses honest ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import betaln, expit, gammaln

from shopkeeper.analysis.gaming.exposure import Array, Exposure

# Under so many others there is nothing to learn a spread from.
FEWEST_OTHERS = 7
# Grid of the spread, as the units' standard deviation over their mean. Flat in it is the prior ∝ (1+A)^−1.5 of shrinkage.
NARROWEST, WIDEST, SPREADS = 0.01, 1.5, 20
SMALLEST_A = 2.0
# Grid of the level: this many standard errors either way, on log odds.
REACH, LEVELS_OF_GRID = 5.0, 31
USUAL = 2 / 3
NEGLIGIBLE = 1e-8
# Of the others one in twenty may be unlike them, with any share at all: two who do the same do not excuse each other.
UNLIKE = 0.05


@dataclass(frozen=True)
class Counted:
    """Units of one level: rows `n`, outcomes `observed`, the `group` that each is in, and rows per unit and case-mix cell."""

    unit: Array
    group: Array
    n: Array
    observed: Array
    by_cell: csr_array


@dataclass(frozen=True)
class Compared:
    """What was to be expected of each unit, by the others: expected count, its standard deviation, and P(at least as many).

    `p` is 1 where no more than expected were observed, NaN where there are too few others to compare with.
    """

    expected: Array
    deviation: Array
    p: Array

    @property
    def is_known(self) -> Array:
        return np.isfinite(self.p)


def counted(exposure: Exposure, level: str) -> Counted:
    """Counts of every unit of a level with enough rows; rows without a unit (-1) are nobody's.

    Who worked in two branches is of the one in which most of what is counted happened.
    """
    unit, (cell, design) = exposure.units[level], exposure.cells
    rows = np.flatnonzero(unit >= 0)
    outcome, group = exposure.outcome[rows].astype(float), exposure.group[rows]
    n_of_code = np.bincount(unit[rows])
    units = np.flatnonzero(n_of_code)
    n = n_of_code[units]
    place = (np.cumsum(n_of_code > 0) - 1)[unit[rows]]
    by_cell = csr_array((np.ones(len(rows)), (place, cell[rows])), shape=(len(units), len(design)))
    observed = np.bincount(place, outcome, len(units)).astype(int)
    counted_in = csr_array((1 + outcome * len(rows), (place, group)), shape=(len(units), group.max(initial=0) + 1)).tocoo()
    order = np.lexsort((-counted_in.data, counted_in.row))
    group_of = counted_in.col[order][np.searchsorted(counted_in.row[order], np.arange(len(units)))]
    kept = np.flatnonzero(n >= exposure.fewest)
    return Counted(units[kept], group_of[kept], n[kept], observed[kept], by_cell[kept])


def compare(counts: Counted, added: Array, suspects: Array) -> Compared:
    """Every unit against those of other groups. `added`: what the case mix adds to each cell's log odds.

    Groups in `suspects` are compared, and nobody is compared with them.
    """
    expected, deviation, p = (np.full(len(counts.unit), np.nan) for _ in range(3))
    is_null = ~np.isin(counts.group, suspects)
    if is_null.sum() <= FEWEST_OTHERS:
        return Compared(expected, deviation, p)
    if not counts.observed.any():
        return Compared(np.zeros(len(p)), np.zeros(len(p)), np.ones(len(p)))
    shares, prior = _shares(counts, added, is_null)
    spreads = _spreads(float(shares[is_null, LEVELS_OF_GRID // 2].mean()))
    mean = shares[:, :, None]
    strength = np.maximum((1 - mean) / (mean * spreads**2) - 1, SMALLEST_A)
    alpha, beta = strength * mean, strength * (1 - mean)
    n, observed = counts.n[:, None, None], counts.observed[:, None, None]
    chance = _ways(n, observed) + _log_beta(observed + alpha, n - observed + beta) - _log_beta(alpha, beta)
    likelihood = np.log((1 - UNLIKE) * np.exp(chance) + UNLIKE / (n + 1))
    everyone = likelihood[is_null].sum(axis=0) + prior[:, None] + np.log(spreads)
    for group in np.unique(counts.group):
        of_it = np.flatnonzero(counts.group == group)
        own = of_it[is_null[of_it]]
        if is_null.sum() - len(own) < FEWEST_OTHERS:
            continue
        posterior = everyone - likelihood[own].sum(axis=0)
        weight = np.exp(posterior - posterior.max())
        weight /= weight.sum()
        kept = weight > NEGLIGIBLE * weight.max()
        expected[of_it] = counts.n[of_it] * (shares[of_it] @ weight.sum(axis=1))
        total, middle, strong = n[of_it], mean[of_it], strength[of_it]
        within = total * middle * (1 - middle) * (strong + total) / (strong + 1)
        between = (total * middle - expected[of_it, None, None]) ** 2
        deviation[of_it] = np.sqrt((weight * (within + between)).sum(axis=(1, 2)))
        p[of_it] = 1.0
        share = weight[kept] / weight[kept].sum()
        for unit in of_it[counts.observed[of_it] > expected[of_it]]:
            tails = _tail(int(counts.observed[unit]), int(counts.n[unit]), alpha[unit][kept], beta[unit][kept])
            p[unit] = min(1.0, float(share @ tails))
    return Compared(expected, deviation, p)


def _shares(counts: Counted, added: Array, is_null: Array) -> tuple[Array, Array]:
    """(units × levels: the share expected of each unit at each level of the grid, log prior of each level: Jeffreys' of a share).

    The grid lies around what two thirds of the others have in common: those who are far off must not move it away from the rest.
    """
    shares = counts.by_cell @ expit(added + _level(counts, added, is_null)) / counts.n
    residual = np.abs(counts.observed - counts.n * shares) / np.sqrt(counts.n * shares * (1 - shares))
    usual = is_null & (residual <= np.quantile(residual[is_null], USUAL))
    happened, total = counts.observed[usual].sum() + 0.5, counts.n[usual].sum() + 1.0
    error = np.sqrt(1 / happened + 1 / (total - happened) + 1 / usual.sum())
    levels = _level(counts, added, usual) + np.linspace(-REACH, REACH, LEVELS_OF_GRID) * error
    at_levels: Array = (counts.by_cell @ expit(added[:, None] + levels)) / counts.n[:, None]
    middle = expit(levels)
    return np.clip(at_levels, 1e-12, 1 - 1e-9), np.log(middle * (1 - middle)) / 2


def _level(counts: Counted, added: Array, units: Array) -> float:
    """The log odds at which the case mix gives the count that was observed at these units, and half an event more."""
    rows = np.asarray(counts.by_cell[units].sum(axis=0)).ravel()
    happened, total = counts.observed[units].sum() + 0.5, counts.n[units].sum() + 1.0
    level = float(np.log(happened / (total - happened)))
    for _ in range(20):
        chance = expit(added + level)
        step = (happened - rows @ chance * total / rows.sum()) / max(float(rows @ (chance * (1 - chance))), 1e-12)
        level += float(np.clip(step, -2, 2))
        if abs(step) < 1e-9:
            break
    return level


def _spreads(share: float) -> Array:
    widest = min(WIDEST, float(np.sqrt((1 - share) / ((SMALLEST_A + 1) * share))))
    return np.geomspace(NARROWEST, max(widest, 2 * NARROWEST), SPREADS)


def _ways(n: Array | int, observed: Array | int) -> Array:
    """Log of the number of ways to have so many among n."""
    ways: Array = gammaln(np.add(n, 1)) - gammaln(np.add(observed, 1)) - gammaln(np.subtract(n, observed) + 1)
    return ways


def _log_beta(alpha: Array, beta: Array) -> Array:
    """Twice as quick as scipy's betaln, which is exact for sums of any size: here a million is large."""
    logs: Array = gammaln(alpha) + gammaln(beta) - gammaln(alpha + beta)
    return logs


def _tail(observed: int, n: int, alpha: Array, beta: Array) -> Array:
    """P(X >= observed) of each beta-binomial: its first term, and each next one by their ratio."""
    first = _ways(n, observed) + betaln(observed + alpha, n - observed + beta) - betaln(alpha, beta)
    k = np.arange(observed, n)
    ratio = np.log(n - k) - np.log(k + 1) + np.log(k + alpha[:, None]) - np.log(n - k - 1 + beta[:, None])
    later = np.exp(first[:, None] + np.cumsum(ratio, axis=1)).sum(axis=1)
    tail: Array = np.minimum(np.exp(first) + later, 1.0)
    return tail
