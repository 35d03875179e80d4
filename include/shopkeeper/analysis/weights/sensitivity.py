"""What no weight can repair: answering that depends on the score itself. The score over a range of suppositions, and where it would tip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.analysis.weights.replicates import Answers, estimate
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave
from shopkeeper.analysis.weights.weighting import weigh

WIDEST = 20.0  # tipping points are looked for from 1/20 to 20
STEPS = 24  # of halving: the ratio to six places
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
    weights, counts, offset = [], [], 0
    for banded in waves:
        wave = banded.wave
        if not wave.answers.any():
            continue
        # each weighting cell becomes three, one per band, of customers who were so much likelier to be silent
        split = replace(
            wave,
            cell=np.repeat(wave.cell, BANDS),
            design_weight=(wave.design_weight[:, None] / np.array(rates)).ravel(),
            answers=banded.answers.transpose(0, 2, 1).reshape(-1, GROUPS),
        )
        weights.append(weigh(split, margins, trim).weights)
        row, group, band = np.nonzero(banded.answers if banded.scored is None else banded.scored)
        count = (banded.answers if banded.scored is None else banded.scored)[row, group, band]
        counts.append((offset + BANDS * row + band, group, band, count))
        offset += BANDS * len(wave.cell)
    if not sum(len(one[0]) for one in counts):
        return None
    row, group, band, count = (np.concatenate(columns) for columns in zip(*counts, strict=True))
    scores = estimate(Answers(np.zeros(len(row), int), row, group, band, count), np.concatenate(weights), 1)
    return Score(float(scores.nps[0]), float(scores.low[0]), float(scores.high[0]))


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

    def at(ratio: float) -> Score | None:
        return score_given(waves, margins, trim, relative_rates(ratio))

    low, high = at(answering_from), at(answering_to)
    if low is None or high is None:
        return None

    tipping = _tipping(at, 0.0)
    goal_tipping = None if goal is None else _tipping(at, goal)
    return Sensitivity(
        at_low=low,
        at_high=high,
        tipping_ratio=tipping,
        goal_tipping_ratio=goal_tipping,
        sign_flips=_is_between(low, 0.0, high),
        goal_flips=goal is not None and _is_between(low, goal, high),
    )


def _is_between(low: Score, level: float, high: Score) -> bool:
    return min(low.nps, high.nps) < level <= max(low.nps, high.nps)


def _tipping(at: Callable[[float], Score | None], level: float) -> float | None:
    """The ratio at which the score is `level`: the more often detractors answer, the fewer stand behind each, the higher the score."""

    def reaches(exponent: float) -> bool:
        score = at(float(np.exp(exponent)))
        return score is not None and score.nps >= level

    below, above = -float(np.log(WIDEST)), float(np.log(WIDEST))
    if reaches(below) or not reaches(above):
        return None
    for _ in range(STEPS):
        middle = (below + above) / 2
        below, above = (below, middle) if reaches(middle) else (middle, above)
    return float(np.exp((below + above) / 2))
