"""What each level of a driver goes with in shares of promoters and detractors, all other drivers as they are, and whether to say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from shopkeeper.analysis.drivers import ordinal
from shopkeeper.analysis.drivers.design import MOST_INFLATED, Design, design
from shopkeeper.analysis.drivers.importance import importance
from shopkeeper.analysis.drivers.levels import Driver, usable
from shopkeeper.analysis.drivers.ordinal import Array

BANDS = ("detractor", "passive", "promoter")
ANSWERS_PER_COLUMN = 15
FEWEST_ANSWERS = 200
Z = 1.959964
USABLE = "usable"

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Answers:
    """`band`: 0 detractor, 1 passive, 2 promoter. `customer` numbers whose answer it is."""

    band: Array
    customer: Array
    drivers: tuple[Driver, ...]

    def where(self, rows: Array) -> Answers:
        return Answers(self.band[rows], self.customer[rows], tuple(driver.where(rows) for driver in self.drivers))

    def of_kinds(self, *kinds: str) -> Answers:
        return Answers(self.band, self.customer, tuple(driver for driver in self.drivers if driver.kind in kinds))


@dataclass(frozen=True)
class Effect:
    """One level of one driver; figures in points, empty unless the verdict is usable.

    `promoters`, `detractors` and `score` are against the reference level, which has none itself; `promoters_if_all` and
    `detractors_if_all` are how the shares would differ had every answer been at this level, if the model holds.
    """

    driver: Driver
    level: int
    verdict: str
    answers: int
    promoters: Interval | None = None
    detractors: Interval | None = None
    score: Interval | None = None
    p: float | None = None
    promoters_if_all: Interval | None = None
    detractors_if_all: Interval | None = None
    importance: Interval | None = None

    @property
    def is_reference(self) -> bool:
        return self.level == self.driver.reference


@dataclass(frozen=True)
class Model:
    """What was found among some answers. `explained` is R², empty where nothing was fitted."""

    answers: int
    effects: tuple[Effect, ...]
    explained: float | None = None
    checks: dict[str, Any] | None = None


def too_few(answers: Answers, columns: int) -> str | None:
    """Why these answers do not carry so many columns, if they do not.

    The limiting size of an ordinal answer is n − Σnᵢ³/n², of which each column needs fifteen. Source: Harrell (2015), Regression
    Modeling Strategies, section 4.4.
    """
    n, counts = len(answers.band), np.bincount(answers.band, minlength=3)
    if n < FEWEST_ANSWERS:
        return f"too few answers: {n} of at least {FEWEST_ANSWERS}"
    if counts.min() < len(BANDS) * 5:
        return f"too few answers: {counts.min()} {BANDS[int(counts.argmin())]}s"
    limit = n - float((counts.astype(float) ** 3).sum()) / n**2
    if limit < ANSWERS_PER_COLUMN * columns:
        return f"too few answers: {n} for {columns} levels"
    return None


def effects(answers: Answers, *, weighs: bool = True) -> Model:
    """Every level of the drivers that vary among these answers. `weighs`: whether to say how important each driver is.

    Says nothing of levels that less than thirty answers have, or that other drivers' levels say already.
    """
    drivers = usable(answers.drivers)
    if not drivers:
        return Model(len(answers.band), ())
    made = design(drivers)
    why_not = too_few(answers, made.values.shape[1])
    if why_not is not None or not made.values.shape[1]:
        refused = [_refused(driver, level, why_not or "nothing varies") for driver in drivers for level in range(len(driver.levels))]
        return Model(len(answers.band), tuple(refused))
    fitted = ordinal.fit(made.values, answers.band, len(BANDS), answers.customer)
    weights = importance(made.values, answers.band - 1.0, made.of_driver, len(drivers), answers.customer) if weighs else None
    inflation = made.inflation()
    found: list[Effect] = []
    for number in range(len(drivers)):
        part = None
        if weights is not None and weights.explained > 0:
            part = tuple(float(end[number] / weights.explained) for end in (weights.parts, weights.low, weights.high))
        found += _of_driver(made, fitted, number, inflation[number], part)  # type: ignore[arg-type]
    checks = {
        "answers": len(answers.band),
        "columns": made.values.shape[1],
        "log_likelihood": round(fitted.log_likelihood, 4),
        "thresholds": fitted.thresholds.round(4).tolist(),
        "inflation": {driver.name: round(factor, 3) for driver, (factor, _) in zip(drivers, inflation, strict=True)},
    }
    return Model(len(answers.band), tuple(found), weights.explained if weights else None, checks)


def _refused(driver: Driver, level: int, verdict: str) -> Effect:
    return Effect(driver, level, verdict, int(driver.counts[level]))


def _of_driver(made: Design, fitted: ordinal.Fit, number: int, inflation: tuple[float, str], weight: Interval | None) -> list[Effect]:
    driver, columns = made.drivers[number], made.columns(number)
    factor, nearest = inflation
    if factor > MOST_INFLATED or not len(columns):
        verdict = f"collinear: goes together with {nearest}" if nearest else "collinear: others say the same"
        return [_refused(driver, level, verdict) for level in range(len(driver.levels))]
    now = ordinal.shares(fitted, made.values)
    at = {
        level: ordinal.shares(fitted, made.values, (columns, made.pattern(number, level)))
        for level in range(len(driver.levels))
        if made.has(number, level)
    }
    found = []
    for level in range(len(driver.levels)):
        if level not in at:
            found.append(_refused(driver, level, "collinear: cannot be told apart from other drivers"))
            continue
        change = at[level].less(now)
        promoters = detractors = score = p = None
        if level != driver.reference:
            against = at[level].less(at[driver.reference])
            promoters, p = _interval(against.highest, against.highest_slope, fitted)
            detractors, _ = _interval(against.lowest, against.lowest_slope, fitted)
            score, _ = _interval(against.highest - against.lowest, against.highest_slope - against.lowest_slope, fitted)
        found.append(
            Effect(
                driver,
                level,
                USABLE,
                int(driver.counts[level]),
                promoters,
                detractors,
                score,
                p,
                _interval(change.highest, change.highest_slope, fitted)[0],
                _interval(change.lowest, change.lowest_slope, fitted)[0],
                weight,
            )
        )
    return found


def _interval(value: float, slope: Array, fitted: ordinal.Fit) -> tuple[Interval, float]:
    """In points, by the delta method, and the p-value of no difference."""
    error = max(0.0, float(slope @ fitted.covariance @ slope)) ** 0.5
    p = float(2 * ndtr(-abs(value) / error)) if error > 0 else 1.0
    return (100 * value, 100 * (value - Z * error), 100 * (value + Z * error)), p


def adjusted(p_values: Sequence[float | None], *, method: str) -> list[float | None]:
    """p-values of a family: `holm` (none wrong), or `fdr` (Benjamini and Hochberg: few of those found are). None stays None."""
    places = [place for place, p in enumerate(p_values) if p is not None]
    p: Array = np.array([p_values[place] for place in places], float)
    order, count = np.argsort(p, kind="stable"), len(p)
    if method == "holm":
        ranked = np.maximum.accumulate(p[order] * (count - np.arange(count)))
    else:
        ranked = np.minimum.accumulate((p[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    result: list[float | None] = [None] * len(p_values)
    for rank, place in enumerate(order.tolist()):
        result[places[place]] = float(min(1.0, ranked[rank]))
    return result
