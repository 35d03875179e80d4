"""One programme: two models fitted on older answers, made honest on newer ones, judged on the newest, and published only if that helps.

Answers are split by the day on which they were asked for. What is learnt from an answer was known before the next slice begins. What is
published in the end is made honest once more, on the newest answers too, each counted as often as there are silent customers like it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.predicted import scoring
from shopkeeper.analysis.predicted.models import BANDS, MODELS, Known, calibrated, likeness

FEWEST = 500  # answers; below, nothing is predicted
FEWEST_IN_SLICE = 50
SLICES = (0.6, 0.8)  # of the answers are older than the calibration's, and than the test's
MOST_OFF = 5.0  # points by which the predicted score of the newest answers may miss the measured one beyond chance
Z, Z_OFF = 1.959963984540054, 2.5758293035489004  # 95 % and 99 %
MARK = np.array([-1.0, 0.0, 1.0])
PUBLISHED = "published"


@dataclass(frozen=True)
class Asked:
    """Invitations in any order. `band` counts from 0 and is −1 without an answer; days are whole numbers.

    `is_silent`: the customer was asked, had time, and gave no answer; predicted for. `groups`: name → each row's value, to add up by.
    """

    known: Known
    band: Array
    asked: Array
    answered: Array
    customer: Array
    is_silent: Array
    groups: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Slices:
    """Rows to learn from, to calibrate on and to judge on, and the day on which each slice begins."""

    train: Array
    calibration: Array
    test: Array
    begins: tuple[int, int, int]
    ends: int

    @property
    def held_out(self) -> Array:
        """What no model was fitted on."""
        return np.concatenate([self.calibration, self.test])


@dataclass(frozen=True)
class Quality:
    """One model on the newest answers. Scores are points (× 100) where they are of a score; everything is None where nothing was fitted.

    `gain`: by how much its Brier score is below that of telling everybody the bands' shares so far. `off`: predicted less measured.
    """

    model: str
    verdict: str
    brier: float | None = None
    prior_brier: float | None = None
    gain: tuple[float, float, float] | None = None
    calibration_error: float | None = None
    reliability: float | None = None
    kappa: float | None = None
    measured: float | None = None
    off: tuple[float, float, float] | None = None
    bins: tuple[tuple[str, int, float, float], ...] = ()

    @property
    def is_published(self) -> bool:
        return self.verdict == PUBLISHED


@dataclass(frozen=True)
class Study:
    """What was found of one programme. Unless a model is published, `chances` (rows × bands) are None.

    `weight`: of each held-out answer, how many of the silent are like it.
    """

    answers: int
    slices: Slices | None
    qualities: tuple[Quality, ...]
    chances: Array | None = None
    weight: Array | None = None

    @property
    def model(self) -> str | None:
        return next((quality.model for quality in self.qualities if quality.is_published), None)


def study(asked: Asked) -> Study:
    """Fit, calibrate, choose and judge. Never raises for data that cannot tell."""
    rows = np.flatnonzero(asked.band >= 0)
    if len(rows) < FEWEST:
        return _refused(len(rows), f"{len(rows)} answers; at least {FEWEST} are needed")
    slices = split(asked)
    if slices is None:
        return _refused(len(rows), f"answers are of too few days to be split by time, {FEWEST_IN_SLICE} in each slice")
    if len(np.unique(asked.band[slices.train])) < len(BANDS) or len(np.unique(asked.band[slices.calibration])) < len(BANDS):
        return _refused(len(rows), "a band that nobody is in cannot be learnt")
    fitted = {name: fit(asked.known, asked.band, slices.train) for name, fit in MODELS.items()}
    honest = {name: calibrated(chances, asked.band, slices.calibration) for name, chances in fitted.items()}
    # chosen before the newest answers are looked at
    scores = {name: scoring.brier(chances[slices.calibration], asked.band[slices.calibration]).mean() for name, chances in honest.items()}
    best = min(scores, key=lambda name: scores[name])
    qualities = tuple(judged(name, chances, asked, slices, is_best=name == best) for name, chances in honest.items())
    is_published = any(quality.is_published for quality in qualities)
    if not is_published:
        return Study(len(rows), slices, qualities)
    weight = likeness(asked.known, slices.held_out, np.flatnonzero(asked.is_silent))
    return Study(len(rows), slices, qualities, calibrated(fitted[best], asked.band, slices.held_out, weight), weight)


def _refused(answers: int, why: str) -> Study:
    return Study(answers, None, tuple(Quality(name, f"refused: {why}") for name in MODELS))


def split(asked: Asked) -> Slices | None:
    """By the day of asking, at 60 % and 80 % of the answers; those of one day stay together. None where a slice has too few."""
    rows = np.flatnonzero(asked.band >= 0)
    days = np.sort(asked.asked[rows])
    first, second = (int(days[int(share * len(days))]) for share in SLICES)
    second = max(second, int(days[np.searchsorted(days, first, side="right") % len(days)]))  # the calibration has a day at least
    day, told = asked.asked[rows], asked.answered[rows]
    train = rows[(day < first) & (told < first)]
    calibration = rows[(day >= first) & (day < second) & (told < second)]
    test = rows[day >= second]
    if min(len(train), len(calibration), len(test)) < FEWEST_IN_SLICE or second <= first:
        return None
    return Slices(train, calibration, test, (int(days[0]), first, second), int(days[-1]))


def judged(name: str, chances: Array, asked: Asked, slices: Slices, *, is_best: bool) -> Quality:
    """How good calibrated chances are on the newest answers."""
    test, customer = slices.test, asked.customer[slices.test]
    band, told = asked.band[test], chances[test]
    earlier = np.concatenate([slices.train, slices.calibration])
    prior = np.bincount(asked.band[earlier], minlength=len(BANDS)) / len(earlier)
    own, of_prior = scoring.brier(told, band), scoring.brier(np.tile(prior, (len(band), 1)), band)
    gain = _interval(*scoring.mean_by_customer(of_prior - own, customer))
    missed = 100 * (chances @ MARK - MARK[asked.band])
    off, error = scoring.mean_by_customer(missed[test], customer)
    # the level that the calibration gave is not exact either
    _, of_level = scoring.mean_by_customer(missed[slices.calibration], asked.customer[slices.calibration])
    error = float(np.hypot(error, of_level))
    verdict = PUBLISHED
    if not is_best:
        verdict = "not chosen: the other model was better before the newest answers"
    elif gain[1] <= 0:
        verdict = "refused: not better than telling everybody the shares of the bands so far"
    elif abs(off) > max(MOST_OFF, Z_OFF * error):
        verdict = f"refused: misses the newest answers by {off:+.1f} points"
    return Quality(
        name,
        verdict,
        float(own.mean()),
        float(of_prior.mean()),
        gain,
        scoring.calibration_error(told, band),
        scoring.reliability(told, band),
        scoring.quadratic_kappa(told.argmax(axis=1), band),
        float(100 * MARK[band].mean()),
        _interval(off, error),
        tuple((BANDS[k], *one) for k in range(len(BANDS)) for one in scoring.bins(told[:, k], band == k)),
    )


def _interval(mean: float, error: float) -> tuple[float, float, float]:
    return mean, mean - Z * error, mean + Z * error
