"""Weighted scores of any cells, with intervals from the replicate weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats

from shopkeeper.analysis.weights.wave import GROUPS, Array

LEVEL = 0.95
# With fewer answers the replicates' own doubt is large: the interval is then at least as wide as the effective number says.
ENOUGH_ANSWERS = 100
PSEUDO = 0.75  # detractors and promoters, and twice as many passives, that the adjusted Wald interval adds


@dataclass(frozen=True)
class Answers:
    """Answers counted by output cell, weighting cell, jackknife group and band: parallel arrays, one row per combination that occurs.

    `cell` and `weighting_cell` count from 0, `group` from 0 to GROUPS − 1; `band`: 0 detractor, 1 passive, 2 promoter.
    Rows may repeat a combination; they are summed.
    """

    cell: Array
    weighting_cell: Array
    group: Array
    band: Array
    count: Array


@dataclass(frozen=True)
class Scores:
    """One row per output cell, in points (−100 to 100); NaN in a cell without answers.

    `design_effect` and `n_effective` are those of the unequal weights: n·Σw²/(Σw)² and n over it. `error` is the jackknife standard error,
    0 where all answers are alike, NaN where all come from one group.
    """

    answers: Array
    nps: Array
    low: Array
    high: Array
    error: Array
    n_effective: Array
    design_effect: Array


def estimate(answers: Answers, weights: Array, cells: int) -> Scores:
    """Weighted Net Promoter Scores of output cells 0 to `cells` − 1, with 95 % intervals.

    `weights` weighting cells × (1 + GROUPS), as of `weighting.weigh`; those of several waves are stacked, and `weighting_cell` counts
    through. The answers may be any part of those that were weighted: one branch, one quarter over several waves.

    Variance: delete-a-group jackknife, (G−1)/G · Σ(θ_g − θ)². It says how many answers of a simple random sample would tell as much,
    m = (p + d − θ²)/variance; the interval is the adjusted Wald interval of m such answers, with t of (groups with answers − 1) degrees of
    freedom. Under `ENOUGH_ANSWERS` answers it reaches at least as far as the adjusted Wald interval of n_effective answers, and where the
    jackknife is degenerate (all alike, or all of one group) it is that interval. Clipped to ±100.
    Sources: Kott (2001), Journal of Official Statistics 17, 521-526; Rocks (2016), arXiv 1601.07235; Korn, Graubard (1998), Survey
    Methodology 24, 193-201, for the effective number in an interval for shares.
    """
    shares = np.stack([_weighted(answers, weights, cells, band) for band in range(3)])
    total = shares.sum(axis=0)
    count = np.bincount(answers.cell, answers.count, cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (shares[2] - shares[0]) / total
        promoters, detractors = shares[2, :, 0] / total[:, 0], shares[0, :, 0] / total[:, 0]
        theta = score[:, 0]
        # a cell that one group holds alone has nothing left without it
        moved = np.where(total[:, 1:] > 1e-9 * total[:, :1], score[:, 1:] - theta[:, None], 0.0)
        variance = (GROUPS - 1) / GROUPS * (moved**2).sum(axis=1)
        squares = np.bincount(answers.cell, answers.count * weights[answers.weighting_cell, 0] ** 2, cells)
        n_effective = total[:, 0] ** 2 / squares
        simple = promoters + detractors - theta**2
        groups = _groups_with_answers(answers, cells)
        is_degenerate = (groups < 2) | (simple < 1e-12) | (variance < 1e-18)
        replicated = np.where(is_degenerate, n_effective, simple / variance)
        t = np.where(is_degenerate, stats.norm.ppf((1 + LEVEL) / 2), stats.t.ppf((1 + LEVEL) / 2, np.maximum(groups - 1, 1)))
    low, high = _adjusted_wald(promoters, detractors, replicated, t)
    least_low, least_high = _adjusted_wald(promoters, detractors, n_effective, stats.norm.ppf((1 + LEVEL) / 2))
    is_small = count < ENOUGH_ANSWERS
    return Scores(
        answers=count.astype(int),
        nps=100 * theta,
        low=100 * np.clip(np.where(is_small, np.minimum(low, least_low), low), -1, 1),
        high=100 * np.clip(np.where(is_small, np.maximum(high, least_high), high), -1, 1),
        error=100 * np.where(groups < 2, np.nan, np.sqrt(variance)),
        n_effective=n_effective,
        design_effect=count / n_effective,
    )


def _weighted(answers: Answers, weights: Array, cells: int, band: int) -> Array:
    """Sums of weights per cell and replicate: all answers under each replicate's weights, less those of the group it leaves out."""
    chosen = answers.band == band
    cell, row, group, count = answers.cell[chosen], answers.weighting_cell[chosen], answers.group[chosen], answers.count[chosen]
    everyone = sparse.csr_array((count.astype(float), (cell, row)), shape=(cells, len(weights)))
    sums = np.asarray(everyone @ weights)
    left_out = np.bincount(cell * GROUPS + group, count * weights[row, 1 + group], cells * GROUPS)
    sums[:, 1:] -= left_out.reshape(cells, GROUPS)
    return sums


def _groups_with_answers(answers: Answers, cells: int) -> Array:
    found = np.bincount(answers.cell * GROUPS + answers.group, answers.count, cells * GROUPS)
    groups: Array = (found.reshape(cells, GROUPS) > 0).sum(axis=1)
    return groups


def _adjusted_wald(promoters: Array, detractors: Array, n: Array, z: Array | float) -> tuple[Array, Array]:
    """Ends of the adjusted Wald interval, −1 to 1 and beyond, from shares and the number of answers that they are worth."""
    worth = n + 4 * PSEUDO
    centre = n * (promoters - detractors) / worth
    spread = (n * (promoters + detractors) + 2 * PSEUDO) / worth - centre**2
    half = z * np.sqrt(spread / worth)
    return centre - half, centre + half
