"""Comparing arms by augmented inverse probability weighting (AIPW), and what has to be known to trust it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.effects import models
from shopkeeper.analysis.effects.models import Array

FEWEST_CHANCE = 0.02  # whoever has less of a chance of some arm has nobody to be compared with
FOLDS = 5
SEED = 20260101

Chances = Callable[[Array, Array, int, Array], Array]


@dataclass(frozen=True)
class Scores:
    """Per row and arm: the chance of the arm, and ψ, whose weighted mean is the mean outcome had everybody been in it."""

    arm: Array
    weight: Array
    chance: Array
    psi: Array

    def kept(self, rows: Array) -> Scores:
        return Scores(self.arm[rows], self.weight[rows], self.chance[rows], self.psi[rows])

    @property
    def has_overlap(self) -> Array:
        """Rows with a fair chance of each arm."""
        return np.asarray((self.chance >= FEWEST_CHANCE).all(axis=1))

    @property
    def balancing_weight(self) -> Array:
        """Weights that make each arm look like everybody."""
        weights: Array = self.weight / self.chance[np.arange(len(self.arm)), self.arm]
        return weights

    def effective_n(self) -> Array:
        """Per arm: how many rows with equal weights would tell as much, (Σw)²/Σw²."""
        weights = self.balancing_weight
        total, squares = (np.bincount(self.arm, values, self.chance.shape[1]) for values in (weights, weights**2))
        with np.errstate(invalid="ignore"):
            return np.where(squares > 0, total**2 / squares, 0.0)

    def effect(self, from_arm: int, to_arm: int) -> tuple[float, float]:
        """τ = Σw(ψ_to − ψ_from)/Σw and its standard error √(n/(n−1) · Σw²(ψ−τ)²)/Σw, in the outcome's unit. NaN under two rows."""
        count = len(self.arm)
        if count < 2:
            return float("nan"), float("nan")
        difference = self.psi[:, to_arm] - self.psi[:, from_arm]
        effect = np.average(difference, weights=self.weight)
        error = np.sqrt(count / (count - 1) * np.sum(self.weight**2 * (difference - effect) ** 2)) / self.weight.sum()
        return float(effect), float(error)


def parametric(
    treatment_covariates: Array, outcome_covariates: Array, arm: Array, outcome: Array, *, chances: Chances = models.chances_by_logit
) -> Scores:
    """AIPW with models fitted on all rows: the textbook's estimator, each model with covariates of its own.

    ψ_k = m_k(X) + 1{A=k}(Y − m_k(X))/π_k(X). Source: Cattaneo (2010), Journal of Econometrics 155, 138-154.
    """
    everyone, arms = np.ones(len(arm), bool), int(arm.max()) + 1
    chance = chances(models.with_constant(treatment_covariates), arm, arms, everyone)
    means = models.means_by_arm(models.with_constant(outcome_covariates), arm, outcome, arms, everyone)
    return Scores(arm, np.ones(len(arm)), chance, _psi(chance, means, arm, outcome))


def cross_fitted(covariates: Array, arm: Array, outcome: Array, arms: int, weight: Array | None = None, *, seed: int = SEED) -> Scores:
    """AIPW in which no row is judged by models that have seen it: fitted on four fifths, used on the other fifth.

    `covariates` rows × columns, `arm` 0 to arms − 1 with at least `FOLDS` rows each, `weight` 1 if not given. The folds are drawn
    within each arm from `seed`: the same rows give the same result.
    Source: Chernozhukov et al. (2018), Econometrics Journal 21, C1-C68.
    """
    design = models.with_constant(covariates)
    chance, means = np.empty((len(arm), arms)), np.empty((len(arm), arms))
    fold = _folds(arm, arms, seed)
    for number in range(FOLDS):
        here = fold == number
        chance[here] = models.chances_by_logit(design, arm, arms, ~here)[here]
        means[here] = models.means_by_arm(design, arm, outcome, arms, ~here)[here]
    return Scores(arm, np.ones(len(arm)) if weight is None else weight, chance, _psi(chance, means, arm, outcome))


def _folds(arm: Array, arms: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    fold = np.empty(len(arm), int)
    for k in range(arms):
        rows = np.flatnonzero(arm == k)
        fold[random.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return fold


def _psi(chance: Array, means: Array, arm: Array, outcome: Array) -> Array:
    held = np.eye(chance.shape[1])[arm]
    # a chance of 0 belongs to a row that the overlap rule leaves out
    psi: Array = means + held * (outcome[:, None] - means) / np.maximum(chance, 1e-12)
    return psi


def imbalance(covariates: Array, first: Array, second: Array, weight: Array, balancing_weight: Array) -> tuple[Array, Array]:
    """Standardised differences of means of each covariate between two groups of rows: as they are, and balanced.

    `weight` makes all rows speak for the population, `balancing_weight` makes each group do so. Both differences are in units of the
    population's standard deviation, one yardstick whatever the pair; 0 where a covariate does not vary.
    Source: McCaffrey et al. (2013), Statistics in Medicine 32, 3388-3414.
    """
    centre = np.average(covariates, axis=0, weights=weight)
    spread = np.sqrt(np.average((covariates - centre) ** 2, axis=0, weights=weight))

    def difference(weights: Array) -> Array:
        means = [np.average(covariates[rows], axis=0, weights=weights[rows]) for rows in (first, second)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(spread > 0, (means[1] - means[0]) / spread, 0.0)

    return difference(weight), difference(balancing_weight)


def naive(outcome: Array, first: Array, second: Array) -> tuple[float, float]:
    """Mean of the second group less that of the first, and its standard error; NaN for fewer than two rows in one of them."""
    one, other = outcome[first], outcome[second]
    if min(len(one), len(other)) < 2:
        return float("nan"), float("nan")
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float(other.mean() - one.mean()), float(error)


def e_value(risk_ratio: float) -> float:
    """How strongly something unmeasured would have to go with both arm and outcome, as a risk ratio, to explain an effect away.

    RR + √(RR(RR − 1)), of 1/RR where RR is below 1. Source: VanderWeele, Ding (2017), Annals of Internal Medicine 167, 268-274.
    """
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def e_value_of_means(effect: float, spread: float) -> float:
    """E-value of a difference of means with RR ≈ exp(0.91 · effect / SD). NaN where the outcome does not vary."""
    return e_value(float(np.exp(0.91 * effect / spread))) if spread > 0 else float("nan")
