"""Ordered logit: P(at most the k-th answer) = F(threshold_k − x·β), by Newton's method, with an interval that knows customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[Any]

RIDGE = 1e-6  # too little to be seen, enough that a column which separates the answers has a finite coefficient
STEPS = 60


@dataclass(frozen=True)
class Fit:
    """`parameters` are thresholds, then coefficients; `covariance` is theirs, answers of one customer counted together."""

    thresholds: Array
    coefficients: Array
    covariance: Array
    log_likelihood: float

    @property
    def parameters(self) -> Array:
        return np.concatenate([self.thresholds, self.coefficients])


def fit(design: Array, answer: Array, answers: int, customer: Array | None = None) -> Fit:
    """Fit rows × columns without a constant; `answer` counts from 0 to `answers` − 1, each of which must occur.

    `customer` numbers whose answer each row is; without it each row is a customer's only one. A column of constants or a
    combination of others has to be left out beforehand. Raises ValueError where an answer never occurs.
    Source: McCullagh (1980), Regression Models for Ordinal Data; sandwich variance by customers (Liang and Zeger 1986).
    """
    counts = np.bincount(answer, minlength=answers)
    if not counts.all():
        raise ValueError("an answer that nobody gave has no threshold")
    cuts = answers - 1
    below = np.cumsum(counts)[:-1] / len(answer)
    at = np.concatenate([np.log(below / (1 - below)), np.zeros(design.shape[1])])
    best = _likelihood(at, design, answer, cuts)
    for _ in range(STEPS):
        gradient, information = _derivatives(at, design, answer, cuts)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        for _ in range(30):
            reached = _likelihood(at + step, design, answer, cuts)
            if reached >= best:
                break
            step = step / 2
        else:
            break
        at, gained, best = at + step, reached - best, reached
        if gained < 1e-10 * (1 + abs(best)):
            break
    _, information = _derivatives(at, design, answer, cuts)
    bread = np.linalg.pinv(information)
    scores = _scores(at, design, answer, cuts)
    groups = len(design)
    if customer is not None:
        order = np.argsort(customer, kind="stable")
        starts = np.flatnonzero(np.r_[True, customer[order][1:] != customer[order][:-1]])
        scores, groups = np.add.reduceat(scores[order], starts, axis=0), len(starts)
    covariance = bread @ (scores.T @ scores) @ bread * groups / max(1, groups - 1)
    return Fit(at[:cuts], at[cuts:], covariance, _likelihood(at, design, answer, cuts))


def _bounds(at: Array, design: Array, answer: Array, cuts: int) -> tuple[Array, Array, Array]:
    """Upper and lower end of each row's answer on the logistic scale, and its chance."""
    edges = np.concatenate([[-np.inf], at[:cuts], [np.inf]])
    middle = design @ at[cuts:]
    upper, lower = edges[answer + 1] - middle, edges[answer] - middle
    # the difference on the side where it does not cancel
    flipped = lower > 0
    chance = np.where(flipped, expit(-lower) - expit(-upper), expit(upper) - expit(lower))
    return upper, lower, np.maximum(chance, 1e-300)


def _likelihood(at: Array, design: Array, answer: Array, cuts: int) -> float:
    if (np.diff(at[:cuts]) <= 0).any():
        return -np.inf
    return float(np.log(_bounds(at, design, answer, cuts)[2]).sum() - RIDGE * (at[cuts:] @ at[cuts:]) / 2)


def _density(at: Array) -> Array:
    share = expit(at)
    density: Array = share * (1 - share)
    return density


def _slopes(at: Array, design: Array, answer: Array, cuts: int) -> tuple[Array, Array, Array, Array, Array]:
    """First derivatives of each row's log likelihood by its upper and lower end, and second ones: upper², lower², both."""
    upper, lower, chance = _bounds(at, design, answer, cuts)
    up, low = _density(upper) / chance, _density(lower) / chance
    bend_up, bend_low = up * (1 - 2 * expit(upper)), low * (1 - 2 * expit(lower))
    return up, -low, bend_up - up**2, -bend_low - low**2, up * low


def _scores(at: Array, design: Array, answer: Array, cuts: int) -> Array:
    """Rows × parameters: what each answer says about each parameter."""
    up, low, *_ = _slopes(at, design, answer, cuts)
    scores = np.zeros((len(design), len(at)))
    for cut in range(cuts):
        scores[:, cut] = up * (answer == cut) + low * (answer == cut + 1)
    scores[:, cuts:] = -(up + low)[:, None] * design
    return scores


def _derivatives(at: Array, design: Array, answer: Array, cuts: int) -> tuple[Array, Array]:
    """Gradient and negative Hessian of the penalised log likelihood."""
    up, low, up_up, low_low, up_low = _slopes(at, design, answer, cuts)
    width = len(at)
    gradient, hessian = np.empty(width), np.zeros((width, width))
    whole = up_up + low_low + 2 * up_low
    hessian[cuts:, cuts:] = (design * whole[:, None]).T @ design
    gradient[cuts:] = -((up + low) @ design)
    for cut in range(cuts):
        is_up, is_low = answer == cut, answer == cut + 1
        gradient[cut] = up[is_up].sum() + low[is_low].sum()
        hessian[cut, cut] = up_up[is_up].sum() + low_low[is_low].sum()
        if cut:
            hessian[cut, cut - 1] = hessian[cut - 1, cut] = up_low[is_up].sum()
        across = (is_up * (up_up + up_low) + is_low * (low_low + up_low)) @ design
        hessian[cut, cuts:] = hessian[cuts:, cut] = -across
    gradient[cuts:] -= RIDGE * at[cuts:]
    hessian[cuts:, cuts:] -= RIDGE * np.eye(width - cuts)
    return gradient, -hessian


@dataclass(frozen=True)
class Shares:
    """Mean chances of the lowest and the highest answer over rows, and how they move with each parameter."""

    lowest: float
    highest: float
    lowest_slope: Array
    highest_slope: Array

    def less(self, other: Shares) -> Shares:
        return Shares(
            self.lowest - other.lowest,
            self.highest - other.highest,
            self.lowest_slope - other.lowest_slope,
            self.highest_slope - other.highest_slope,
        )


def shares(fitted: Fit, design: Array, replaced: tuple[Array, Array] | None = None) -> Shares:
    """Mean chances of the lowest and the highest answer over the rows of `design`.

    `replaced`: (columns, values): what stands in these columns in every row instead.
    """
    cuts = len(fitted.thresholds)
    middle = design @ fitted.coefficients
    if replaced is not None:
        columns, values = replaced
        middle = middle - design[:, columns] @ fitted.coefficients[columns] + values @ fitted.coefficients[columns]
    ends = {}
    for name, cut, sign in (("lowest", 0, 1.0), ("highest", cuts - 1, -1.0)):
        at = fitted.thresholds[cut] - middle
        density = sign * _density(at) / len(design)
        slope = np.zeros(cuts + design.shape[1])
        slope[cut] = density.sum()
        slope[cuts:] = -(density @ design)
        if replaced is not None:
            slope[cuts + columns] = -density.sum() * values
        ends[name] = (float(expit(sign * at).mean()), slope)
    return Shares(ends["lowest"][0], ends["highest"][0], ends["lowest"][1], ends["highest"][1])
