"""What no weight can repair: answering that depends on the score itself. The score over a range of suppositions, and where it would tip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from shopkeeper.analysis.weights import strata
from shopkeeper.analysis.weights.replicates import Answers, estimate
from shopkeeper.analysis.weights.trimming import rake_within
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave

WIDEST = 20.0  # tipping points are looked for from 1/20 to 20
BANDS = 3


@dataclass(frozen=True)
class BandedWave:
    """A wave with its answers told apart by band (0 detractor, 1 passive, 2 promoter).

    `answers` K × GROUPS × 3: all answers of the wave; summed over bands they are `wave.answers`. `scored`, of the same shape: those of them
    that are in the score (its window, one per customer); None for all.
    """

    wave: Wave
    answers: Array
    scored: Array | None = None


@dataclass(frozen=True)
class Score:
    """A weighted score under one supposition, in points, with its 95 % interval."""

    nps: float
    low: float
    high: float


@dataclass(frozen=True)
class Sensitivity:
    """`at_low` and `at_high`: the score if detractors answered `answering_from` and `answering_to` times as often as promoters.

    `tipping_ratio`: at which ratio the score would be 0; `goal_tipping_ratio`: at which it would be the goal. None where no ratio from 1/20
    to 20 does that. `sign_flips`, `goal_flips`: whether that happens within the range.
    """

    at_low: Score
    at_high: Score
    tipping_ratio: float | None
    goal_tipping_ratio: float | None
    sign_flips: bool
    goal_flips: bool


def relative_rates(ratio: float) -> tuple[float, float, float]:
    """Answering rates of detractors, passives and promoters, for detractor : promoter = `ratio`; passives stand midway, at its root."""
    return ratio, float(np.sqrt(ratio)), 1.0


def score_given(
    waves: Sequence[BandedWave], margins: Sequence[Sequence[str]], trim: float | None, rates: tuple[float, float, float]
) -> Score | None:
    """The weighted score if each band answered at these relative rates, alike people compared: raking started from 1/rate.

    Only the rates' proportions matter. One score over all waves; None where nothing is scored.
    Raises ValueError for a rate that is not above 0.
    """
    if min(rates) <= 0:
        raise ValueError(f"a band that answers at a rate of {min(rates)} has no answers to weight up")
    split = [_Split(wave, margins) for wave in waves if wave.answers.any()]
    return _score(split, trim, rates) if any(one.scored.any() for one in split) else None


class _Split:
    """A wave in which each weighting cell has become three, one per band, so that each band can have a design weight of its own."""

    def __init__(self, banded: BandedWave, margins: Sequence[Sequence[str]]) -> None:
        wave = banded.wave
        self.margins = strata.margins(wave, margins)
        self.wave = replace(
            wave,
            cell=np.repeat(wave.cell, BANDS),
            design_weight=np.repeat(wave.design_weight, BANDS),
            answers=banded.answers.transpose(0, 2, 1).reshape(-1, GROUPS),
        )
        scored = banded.answers if banded.scored is None else banded.scored
        self.scored = scored.transpose(0, 2, 1).reshape(-1, GROUPS)

    def weights(self, trim: float | None, rates: tuple[float, float, float], columns: int) -> Array:
        rated = replace(self.wave, design_weight=self.wave.design_weight / np.tile(rates, len(self.wave.cell) // BANDS))
        factors = rake_within(rated.base()[:, :columns], self.margins, trim).factors
        weights: Array = rated.design_weight[:, None] * factors[rated.cell]
        return weights


def _score(split: Sequence[_Split], trim: float | None, rates: tuple[float, float, float]) -> Score:
    weights = np.concatenate([one.weights(trim, rates, 1 + GROUPS) for one in split])
    scored = np.concatenate([one.scored for one in split])
    row, group = np.nonzero(scored)
    scores = estimate(Answers(np.zeros(len(row), int), row, group, row % BANDS, scored[row, group]), weights, 1)
    return Score(float(scores.nps[0]), float(scores.low[0]), float(scores.high[0]))


def _point(split: Sequence[_Split], trim: float | None, rates: tuple[float, float, float]) -> float:
    """The score alone, without replicates."""
    weights = np.concatenate([one.weights(trim, rates, 1)[:, 0] for one in split])
    by_band = (weights * np.concatenate([one.scored.sum(axis=1) for one in split])).reshape(-1, BANDS).sum(axis=0)
    return float(100 * (by_band[2] - by_band[0]) / by_band.sum())


def band(
    waves: Sequence[BandedWave],
    margins: Sequence[Sequence[str]],
    *,
    trim: float | None = 5.0,
    answering_from: float = 0.5,
    answering_to: float = 1.5,
    goal: float | None = None,
) -> Sensitivity | None:
    """The sensitivity band of a weighted score over all `waves`, and its tipping points. None where nothing is scored.

    `answering_from` to `answering_to`: how often detractors answer, for each time that a promoter of the same cell does. `goal` in points.
    Raises ValueError for a range that is empty or not above 0.
    """
    if not 0 < answering_from <= answering_to:
        raise ValueError(f"detractors cannot answer {answering_from} to {answering_to} times as often: say a range above 0")

    split = [_Split(wave, margins) for wave in waves if wave.answers.any()]
    if not any(one.scored.any() for one in split):
        return None

    def point(log_ratio: float) -> float:
        return _point(split, trim, relative_rates(float(np.exp(log_ratio))))

    low, high = (_score(split, trim, relative_rates(ratio)) for ratio in (answering_from, answering_to))
    return Sensitivity(
        at_low=low,
        at_high=high,
        tipping_ratio=_tipping(point, 0.0),
        goal_tipping_ratio=None if goal is None else _tipping(point, goal),
        sign_flips=_is_between(low, 0.0, high),
        goal_flips=goal is not None and _is_between(low, goal, high),
    )


def _is_between(low: Score, level: float, high: Score) -> bool:
    return min(low.nps, high.nps) < level <= max(low.nps, high.nps)


def _tipping(point: Callable[[float], float], level: float) -> float | None:
    """The ratio at which the score is `level`: the more often detractors answer, the fewer stand behind each, the higher the score."""
    widest = float(np.log(WIDEST))
    if (point(-widest) < level) == (point(widest) < level):
        return None
    return float(np.exp(optimize.brentq(lambda log_ratio: point(log_ratio) - level, -widest, widest, xtol=1e-7)))
