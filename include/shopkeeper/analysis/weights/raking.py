"""Raking (iterative proportional fitting): weights that agree with the frame on each margin, as near to the design weights as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.weights.strata import Margin
from shopkeeper.analysis.weights.wave import Array

TOLERANCE = 1e-10  # of the mean weight
ROUNDS = 1000
FARTHEST = 1e9  # times the mean: where margins contradict each other some factors would go to 0 and others beyond all bounds
MET = 1e-6  # a share of the frame: a margin that is not missed by more has been met


@dataclass(frozen=True)
class Raked:
    """`factors` C × R, by which the design-weighted answers of each frame cell are multiplied, so that they add up to the frame.

    `rounds` of the slowest column. `converged` per column: no weight moves any more, and each margin is met.
    """

    factors: Array
    rounds: int
    converged: Array


def rake(base: Array, margins: Sequence[Margin]) -> Raked:
    """Multiply each stratum to its target, margin after margin, until no weight moves by 1e-10 of the mean weight.

    `base` C × R: design-weighted answers, one column per replicate, all raked at once. `margins`: one at least; their targets add up to
    the same. A column without any answer keeps the factors 1 and has not converged.
    Source: Deming, Stephan (1940), Annals of Mathematical Statistics 11, 427-444; Kalton, Flores-Cervantes (2003), JOS 19, 81-97.
    """
    answers = base.sum(axis=0)
    has_answers = answers > 0
    mean = np.divide(margins[0].target.sum(), answers, out=np.ones_like(answers), where=has_answers)
    factors = np.tile(mean, (len(base), 1))
    moving, rounds = has_answers.copy(), 0
    while moving.any() and rounds < ROUNDS:
        rounds += 1
        before, moved = factors[:, moving], base[:, moving]
        after = np.clip(one_round(moved, before, margins), mean[moving] / FARTHEST, mean[moving] * FARTHEST)
        factors[:, moving] = after
        change = np.where(moved > 0, np.abs(after - before), 0.0).max(axis=0)
        moving[moving] = change >= TOLERANCE * mean[moving]
    is_met = misses(base, factors, margins).max(axis=0) < MET
    return Raked(factors, rounds, has_answers & ~moving & is_met)


def one_round(base: Array, factors: Array, margins: Sequence[Margin]) -> Array:
    """Each stratum of each margin once."""
    for margin in margins:
        reached = margin.summing @ (base * factors)
        # a stratum without answers cannot reach its target: the miss tells
        ratio = np.divide(margin.target[:, None], reached, out=np.ones_like(reached), where=reached > 0)
        factors = factors * ratio[margin.stratum]
    return factors


def misses(base: Array, factors: Array, margins: Sequence[Margin]) -> Array:
    """How far the weighted share of some stratum is from the frame's, at worst, 0 to 1: margins × columns."""
    return np.array(
        [np.abs(margin.summing @ (base * factors) - margin.target[:, None]).max(axis=0) / margin.target.sum() for margin in margins]
    )
