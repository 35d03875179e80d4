"""Chances of being in each arm, and expected outcomes: small fits, weighted, that survive a singular design."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, logsumexp, ndtr

Array = npt.NDArray[Any]

RIDGE = 1e-5  # on standardised columns: too little to be seen, enough that a column which separates the arms has a finite coefficient
STEPS = 100


def with_constant(covariates: Array) -> Array:
    """A column of ones and each covariate at mean 0, SD 1; those that do not vary are left out."""
    centre, spread = covariates.mean(axis=0), covariates.std(axis=0)
    varies = spread > 1e-12 * np.maximum(1, np.abs(centre))
    standard = (covariates[:, varies] - centre[varies]) / spread[varies]
    return np.column_stack([np.ones(len(covariates)), standard])


def _penalty(columns: int, arms: int) -> Array:
    return np.tile(np.r_[0.0, np.full(columns - 1, RIDGE)], arms)


def _chances(design: Array, coefficients: Array) -> Array:
    scores = np.column_stack([np.zeros(len(design)), design @ coefficients])
    chances: Array = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
    return chances


def multinomial_logit(design: Array, arm: Array, arms: int) -> Array:
    """Coefficients (columns × arms − 1, the first arm is the reference) by Newton's method with halved steps.

    `design` comes from `with_constant`; `arm` counts from 0. Its maximum is that of the likelihood less a slight ridge.
    """
    columns = design.shape[1]
    held = np.eye(arms)[arm][:, 1:]
    penalty = _penalty(columns, arms - 1)
    flat = np.zeros(columns * (arms - 1))

    def likelihood(trial: Array) -> float:
        scores = np.column_stack([np.zeros(len(design)), design @ trial.reshape(arms - 1, columns).T])
        return float(np.sum(scores[np.arange(len(arm)), arm] - logsumexp(scores, axis=1)) - penalty @ trial**2 / 2)

    best = likelihood(flat)
    for _ in range(STEPS):
        chance = _chances(design, flat.reshape(arms - 1, columns).T)[:, 1:]
        gradient = ((held - chance).T @ design).ravel() - penalty * flat
        information = np.diag(penalty)
        for j in range(arms - 1):
            for k in range(j, arms - 1):
                weight = chance[:, j] * ((j == k) - chance[:, k])
                block = (design * weight[:, None]).T @ design
                rows, others = slice(j * columns, (j + 1) * columns), slice(k * columns, (k + 1) * columns)
                information[rows, others] += block
                if j != k:
                    information[others, rows] += block.T
        flat, best, is_done = _climb(likelihood, flat, best, np.linalg.lstsq(information, gradient, rcond=None)[0])
        if is_done:
            break
    coefficients: Array = flat.reshape(arms - 1, columns).T
    return coefficients


def probit(design: Array, arm: Array) -> Array:
    """Coefficients for P(arm = 1) = Φ(design · coefficients), by scoring with halved steps."""
    sign = 2.0 * arm - 1
    penalty = _penalty(design.shape[1], 1)
    flat = np.zeros(design.shape[1])

    def likelihood(trial: Array) -> float:
        return float(log_ndtr(sign * (design @ trial)).sum() - penalty @ trial**2 / 2)

    best = likelihood(flat)
    for _ in range(STEPS):
        index = design @ flat
        log_density = -(index**2) / 2 - np.log(2 * np.pi) / 2
        slope = sign * np.exp(log_density - log_ndtr(sign * index))
        weight = np.exp(2 * log_density - log_ndtr(index) - log_ndtr(-index))
        information = (design * weight[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.lstsq(information, design.T @ slope - penalty * flat, rcond=None)[0]
        flat, best, is_done = _climb(likelihood, flat, best, step)
        if is_done:
            break
    return flat


def _climb(likelihood: Any, at: Array, best: float, step: Array) -> tuple[Array, float, bool]:
    """One step uphill, halved until it is one; done when nothing is gained any more."""
    for _ in range(30):
        reached = likelihood(at + step)
        if reached >= best:
            return at + step, reached, reached - best < 1e-10 * (1 + abs(best))
        step = step / 2
    return at, best, True


def chances_by_logit(design: Array, arm: Array, arms: int, fitted_on: Array) -> Array:
    """P(each arm) of every row (rows × arms), fitted on the rows `fitted_on`."""
    return _chances(design, multinomial_logit(design[fitted_on], arm[fitted_on], arms))


def chances_by_probit(design: Array, arm: Array, arms: int, fitted_on: Array) -> Array:
    """The same for two arms, by probit."""
    chance = ndtr(design @ probit(design[fitted_on], arm[fitted_on]))
    return np.column_stack([1 - chance, chance])


def means_by_arm(design: Array, arm: Array, outcome: Array, arms: int, fitted_on: Array) -> Array:
    """The outcome expected of every row in each arm (rows × arms): least squares within the arm, on the rows `fitted_on`."""
    means = np.empty((len(design), arms))
    for k in range(arms):
        rows = fitted_on & (arm == k)
        means[:, k] = design @ np.linalg.lstsq(design[rows], outcome[rows], rcond=None)[0]
    return means


def answering_weights(covariates: Array, answered: Array) -> Array:
    """1 / P(answered | covariates) of those who answered, at mean 1: they stand for everyone who was asked.

    One row per customer asked. Corrects for answering that depends on the covariates, and for nothing else.
    """
    if answered.all():
        return np.ones(len(answered))
    chance = chances_by_logit(with_constant(covariates), answered.astype(int), 2, np.ones(len(answered), bool))[answered, 1]
    weights: Array = 1 / np.maximum(chance, 0.01)
    weights /= weights.mean()
    return weights
