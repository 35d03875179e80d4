"""Are those who answer like those who could have been asked? R-indicator, partials, bound on bias, and early against late answers.

Everything is counted by cell: one cell per combination of the variables' categories. Nothing here says anything about answering that
depends on the score itself: it sees the frame through the variables that it is given, and through nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr, xlogy

Array = npt.NDArray[Any]

Z = 1.959963984540054
FEWEST = 10  # who answered, and who did not: with fewer of either nothing can be told about who answers
RIDGE = 1e-3  # in persons: too little to be seen, enough that a category in which nobody answered has a finite coefficient
STEPS = 50


@dataclass(frozen=True)
class Cells:
    """C cells of one wave. `labels` maps each variable to its category per cell; all arrays have length C.

    `frame`: how many could have been asked. `invited`: how many were. `weight`, `weight_answered`: sums of design weights over the
    invited, and over those of them who answered; `weight_squared`: sum of their squares over the invited.
    """

    labels: Mapping[str, Sequence[str]]
    frame: Array
    invited: Array
    answered: Array
    weight: Array
    weight_squared: Array
    weight_answered: Array

    def varying(self) -> dict[str, Sequence[str]]:
        """The variables that tell anybody apart from anybody."""
        return {name: labels for name, labels in self.labels.items() if len(set(labels)) > 1}


@dataclass(frozen=True)
class Indicator:
    """How alike the chances of answering are over the frame: `r` is 1 when all are the same.

    `spread` is the standard deviation of the chances, bias-corrected, and `mean` their mean. `r_uncorrected` counts chance as if it were
    difference. `low` and `high`: 95 %.
    """

    r: float
    low: float
    high: float
    r_uncorrected: float
    spread: float
    mean: float


@dataclass(frozen=True)
class Category:
    """One category of a variable: shares from 0 to 1, `partial` on the scale of the chances (see `partials`)."""

    variable: str
    category: str
    frame: int
    answered: int
    frame_share: float
    respondent_share: float
    propensity: float
    partial: float


@dataclass(frozen=True)
class Gap:
    """Late less early answers, on the scale −1…1, from adjusted counts; `early` and `late` are the scores that the counts give."""

    early: float
    late: float
    gap: float
    z: float
    p: float


def r_indicator(frame: Array, propensities: Array) -> float:
    """R = 1 − 2·S(ρ) of known chances of answering per cell, S dividing by N.

    Source: Schouten, Cobben, Bethlehem (2009), Survey Methodology 35, 101-113.
    """
    return 1 - 2 * float(np.sqrt(_variance(frame, propensities)))


def partials(frame: Array, propensities: Array) -> Array:
    """Unconditional partial indicator of each category, √(N_k/N)·(ρ_k − ρ̄): whom there are too few of (below 0) and too many.

    Source: Schouten, Shlomo, Skinner (2011), Journal of Official Statistics 27, 231-253.
    """
    share = frame / frame.sum()
    result: Array = np.sqrt(share) * (propensities - share @ propensities)
    return result


def bias_bound(spread: float, spread_of_scores: float, mean: float) -> float:
    """The most by which the unweighted score can be wrong *through these variables*: (1 − R)·S(y) / (2·ρ̄), in the unit of S(y).

    It says nothing about answering that depends on the score itself. Raises ValueError for a mean outside (0, 1].
    """
    if not 0 < mean <= 1:
        raise ValueError(f"a mean chance of answering of {mean} is outside (0, 1]")
    return spread * spread_of_scores / mean


def indicator(cells: Cells) -> Indicator | None:
    """The R-indicator of chances fitted by logistic regression on main effects, corrected for the noise of the fit.

    The chances are fitted to the invited with their design weights, and averaged over the frame. None where fewer than `FEWEST`
    answered or did not, or where no variable tells anybody apart.
    Source: Shlomo, Skinner, Schouten (2012), Journal of Statistical Planning and Inference 142, 201-211; with their correction, the
    variance of the mean left out, which is no spread, and the sandwich variance of a design-weighted fit.
    """
    answered, invited = float(cells.answered.sum()), float(cells.invited.sum())
    variables = cells.varying()
    if min(answered, invited - answered) < FEWEST or not variables:
        return None
    design = _main_effects(variables)
    chances = _fit(design, cells)
    share = cells.frame / cells.frame.sum()
    mean = float(share @ chances)
    away = chances - mean
    uncorrected = float(share @ away**2)

    slopes = (chances * (1 - chances))[:, None] * design
    covariance = _covariance(design, chances, cells)
    centred = slopes - share @ slopes
    noise = float(share @ np.einsum("ij,jk,ik->i", centred, covariance, centred))
    corrected = max(0.0, uncorrected - noise)

    # the spread itself is measured with the fit's error: its own direction, and what remains when there is no spread at all
    direction = 2 * (share * away) @ centred * np.sqrt(corrected / uncorrected if uncorrected > 0 else 0.0)
    among = (share[:, None] * centred).T @ centred @ covariance
    error = float(np.sqrt(max(0.0, direction @ covariance @ direction) + 2 * np.trace(among @ among)))
    return Indicator(
        r=1 - 2 * corrected**0.5,
        low=max(0.0, 1 - 2 * (corrected + Z * error) ** 0.5),
        high=1 - 2 * max(0.0, corrected - Z * error) ** 0.5,
        r_uncorrected=1 - 2 * uncorrected**0.5,
        spread=corrected**0.5,
        mean=mean,
    )


def categories(cells: Cells) -> list[Category]:
    """Respondents against the frame, category by category of each variable that tells anybody apart.

    `respondent_share` is design-weighted: a stratum drawn more often does not make its customers more willing.
    """
    found = []
    answering = cells.weight_answered.sum()
    for variable, labels in cells.varying().items():
        names, place = np.unique(np.asarray(labels, object).astype(str), return_inverse=True)
        frame, weight, answered_weight, answered = (
            np.bincount(place, counts, len(names)) for counts in (cells.frame, cells.weight, cells.weight_answered, cells.answered)
        )
        propensity = np.divide(answered_weight, weight, out=np.full(len(names), np.nan), where=weight > 0)
        was_asked = ~np.isnan(propensity)
        partial = np.full(len(names), np.nan)
        partial[was_asked] = partials(frame[was_asked], propensity[was_asked])
        for k, name in enumerate(names):
            found.append(
                Category(
                    variable=variable,
                    category=str(name),
                    frame=int(frame[k]),
                    answered=int(answered[k]),
                    frame_share=float(frame[k] / frame.sum()),
                    respondent_share=float(answered_weight[k] / answering) if answering else float("nan"),
                    propensity=float(propensity[k]),
                    partial=float(partial[k]),
                )
            )
    return found


def late_against_early(early: tuple[int, int, int], late: tuple[int, int, int]) -> Gap:
    """z-test of two samples of answers, each given as (detractors, passives, promoters): before the reminder, and after it.

    Both are adjusted as in the adjusted Wald interval (three quarters of a detractor and of a promoter, one and a half passives more).
    Raises ValueError when either is empty.
    """
    if not sum(early) or not sum(late):
        raise ValueError("a gap needs answers before the reminder and after it")
    (centre, variance), (other, other_variance) = _adjusted(early), _adjusted(late)
    z = (other - centre) / (variance + other_variance) ** 0.5
    scores = [(promoters - detractors) / (detractors + passives + promoters) for detractors, passives, promoters in (early, late)]
    return Gap(scores[0], scores[1], scores[1] - scores[0], z, float(2 * ndtr(-abs(z))))


def spread_of_scores(detractors: float, passives: float, promoters: float) -> float:
    """Standard deviation of −1, 0 and 1; 0 without answers."""
    n = detractors + passives + promoters
    return float(np.sqrt((promoters + detractors) / n - ((promoters - detractors) / n) ** 2)) if n else 0.0


def _adjusted(counts: tuple[int, int, int]) -> tuple[float, float]:
    detractors, passives, promoters = counts[0] + 0.75, counts[1] + 1.5, counts[2] + 0.75
    n = detractors + passives + promoters
    centre = (promoters - detractors) / n
    return centre, ((promoters + detractors) / n - centre**2) / n


def _variance(frame: Array, propensities: Array) -> float:
    share = frame / frame.sum()
    return float(share @ (propensities - share @ propensities) ** 2)


def _main_effects(variables: Mapping[str, Sequence[str]]) -> Array:
    """A constant, and a column for each category but the first of each variable."""
    columns = []
    for labels in variables.values():
        names = np.asarray(labels, object).astype(str)
        columns += [names == name for name in np.unique(names)[1:]]
    return np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)


def _fit(design: Array, cells: Cells) -> Array:
    """Chance of answering per cell: the weighted likelihood's maximum, less a slight ridge, by Newton's method with halved steps."""
    scale = cells.invited.sum() / cells.weight.sum()
    asked, answered = cells.weight * scale, cells.weight_answered * scale
    penalty = np.r_[0.0, np.full(design.shape[1] - 1, RIDGE)]

    def likelihood(trial: Array) -> float:
        chance = expit(design @ trial)
        return float((xlogy(answered, chance) + xlogy(asked - answered, 1 - chance)).sum() - penalty @ trial**2 / 2)

    flat = np.zeros(design.shape[1])
    flat[0] = np.log(answered.sum() / (asked.sum() - answered.sum()))
    best = likelihood(flat)
    for _ in range(STEPS):
        chance = expit(design @ flat)
        gradient = design.T @ (answered - asked * chance) - penalty * flat
        information = (design * (asked * chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        while (trial := likelihood(flat + step)) < best and np.abs(step).max() > 1e-12:
            step = step / 2
        flat = flat + step
        if trial - best <= 1e-10 * (1 + abs(best)):
            break
        best = trial
    chances: Array = expit(design @ flat)
    return chances


def _covariance(design: Array, chances: Array, cells: Cells) -> Array:
    """Of the coefficients, with the weights' own variance (sandwich); ranks that the cells do not fill stay empty."""
    spread = (chances * (1 - chances))[:, None] * design
    bread = np.linalg.pinv(
        (design * cells.weight[:, None]).T @ spread + np.diag(np.r_[0.0, np.full(design.shape[1] - 1, RIDGE)]), hermitian=True
    )
    meat = (design * cells.weight_squared[:, None]).T @ spread
    covariance: Array = bread @ meat @ bread
    return covariance
