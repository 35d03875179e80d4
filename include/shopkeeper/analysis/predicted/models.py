"""Chances of the three bands by two models, and what makes them honest: an ordered logit as baseline, boosted trees, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from shopkeeper.analysis.drivers import ordinal
from shopkeeper.analysis.drivers.design import design
from shopkeeper.analysis.drivers.levels import FEWEST, NOT_RECORDED, RARE, Driver, usable
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.effects.models import chances_by_logit, with_constant

BANDS = ("detractor", "passive", "promoter")
SEED = 20010308
TREES, LEAVES, FEWEST_IN_LEAF, RATE = 120, 8, 50, 0.05
SURE = 1e-6  # no chance is nearer to 0 than this


@dataclass(frozen=True)
class Known:
    """What is known of each invitation. `levels` are for the baseline; `measured` are those among them that are numbers, by name."""

    levels: tuple[Driver, ...]
    measured: dict[str, Array]


def baseline(known: Known, band: Array, fitted_on: Array) -> Array:
    """Chances (rows × bands) of every row by an ordered logit, fitted on the rows `fitted_on`; `band` counts from 0.

    Raises ValueError where a band never occurs among them.
    """
    drivers = usable(known.levels)
    values = design(drivers).values if drivers else np.zeros((len(band), 0))
    seen = values[fitted_on].sum(axis=0)
    values = values[:, (seen >= FEWEST) & (seen <= fitted_on.size - FEWEST)]  # a handful of answers that are all alike would be certain
    fitted = ordinal.fit(values[fitted_on], band[fitted_on], len(BANDS))
    below = expit(fitted.thresholds - (values @ fitted.coefficients)[:, None])
    return np.diff(below, axis=1, prepend=0.0, append=1.0)


def boosting(known: Known, band: Array, fitted_on: Array) -> Array:
    """The same by gradient boosting of small trees, on one core: sums of many cores differ in the last digit from run to run.

    Source: Ke et al. (2017), LightGBM, as scikit-learn has it.
    """
    numbered = {driver.name: _as_numbers(driver, known.measured.get(driver.name)) for driver in known.levels}
    varied = [name for name, values in numbered.items() if len(np.unique(values[fitted_on], equal_nan=True)) > 1]
    columns = np.column_stack([np.zeros(len(band)), *(numbered[name] for name in varied)])
    model = HistGradientBoostingClassifier(
        learning_rate=RATE,
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=FEWEST_IN_LEAF,
        l2_regularization=1.0,
        categorical_features=[False, *(name not in known.measured for name in varied)],
        early_stopping=False,
        random_state=SEED,
    )
    with threadpool_limits(1):
        model.fit(columns[fitted_on], band[fitted_on])
        chances = np.zeros((len(band), len(BANDS)))
        chances[:, model.classes_] = model.predict_proba(columns)
    return chances


def _as_numbers(driver: Driver, measured: Array | None) -> Array:
    if measured is not None:
        return measured
    numbered: Array = np.where(driver.place == RARE, len(driver.levels), driver.place).astype(float)
    numbered[driver.place == NOT_RECORDED] = np.nan
    return numbered


MODELS = {"ordinal logit": baseline, "boosting": boosting}


def calibrated(chances: Array, band: Array, fitted_on: Array, weight: Array | None = None) -> Array:
    """The chances of every row, made honest on the rows `fitted_on`, which the model must not have been fitted on.

    Their logarithms times one number plus one number per band: as sure as it may be, and right on the whole, whom `weight` (one per row
    fitted on) stands for.
    Source: Platt (1999) for two classes; Guo et al. (2017), On Calibration of Modern Neural Networks, for more.
    """
    logs = np.log(np.clip(chances, SURE, 1))
    held = logs[fitted_on]
    indicator = np.eye(len(BANDS))[band[fitted_on]]
    each = np.full(len(held), 1 / len(held)) if weight is None else weight / weight.sum()

    def loss(at: Array) -> tuple[float, Array]:
        scores = at[0] * held + np.r_[at[1], 0.0, at[2]]
        expected = softmax(scores, axis=1)
        left = each[:, None] * (expected - indicator)
        slope = np.array([(left * held).sum(), left[:, 0].sum(), left[:, 2].sum()])
        chosen = np.maximum((expected * indicator).sum(axis=1), 1e-300)
        return float(-each @ np.log(chosen)), slope

    found = minimize(loss, np.array([1.0, 0.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None), (None, None)])
    honest: Array = softmax(found.x[0] * logs + np.r_[found.x[1], 0.0, found.x[2]], axis=1)
    return honest


HEAVIEST = 10.0  # times the mean weight: one answer must not speak for a crowd


def likeness(known: Known, held_out: Array, silent: Array) -> Array:
    """Of each row of `held_out`: how many of the `silent` rows are like it, at mean 1; by the odds of being one of them, a logit."""
    rows = np.concatenate([held_out, silent])
    drivers = usable([driver.where(rows) for driver in known.levels])
    if not drivers:
        return np.ones(len(held_out))
    is_silent = (np.arange(len(rows)) >= len(held_out)).astype(int)
    chance = chances_by_logit(with_constant(design(drivers).values), is_silent, 2, np.ones(len(rows), bool))[: len(held_out)]
    weight = chance[:, 1] / np.maximum(chance[:, 0], SURE)
    like: Array = np.minimum(weight / weight.mean(), HEAVIEST)
    like /= like.mean()
    return like
