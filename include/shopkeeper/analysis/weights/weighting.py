"""Weights of one wave: design weight × adjustment for who did not answer, with replicates, and what has to be known to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.weights import crossings, strata
from shopkeeper.analysis.weights.raking import misses
from shopkeeper.analysis.weights.trimming import rake_within
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave

MISS_WORTH_SAYING = 0.005  # of the frame


@dataclass(frozen=True)
class Weighting:
    """`weights` K × (1 + GROUPS): what each answer of a weighting cell speaks for; column 0 is published, 1 + g leaves group g out.

    `adjustment` per weighting cell: weight over design weight (NaN, like all figures, where nobody answered). `iterations`: rounds of
    raking in all. `is_converged`: the margins were met before trimming. `trimmed`: answers whose weight was cut.
    `largest_ratio`: the largest adjustment over the mean one. `design_effect`: n·Σw²/(Σw)², `n_effective`: n over it.
    `warnings`: sentences for a reader, none with anything about a person. `crossings`: what main margins leave unequal.
    """

    weights: Array
    adjustment: Array
    answers: int
    iterations: int
    is_converged: bool
    trimmed: int
    largest_ratio: float
    design_effect: float
    n_effective: float
    warnings: tuple[str, ...]
    crossings: tuple[crossings.Crossing, ...]

    @property
    def crossings_differ(self) -> bool:
        return any(crossing.differs for crossing in self.crossings)


def weigh(wave: Wave, margins: Sequence[Sequence[str]], trim: float | None = 5.0) -> Weighting:
    """Make the answers of a wave agree with its frame on each of `margins`, and each jackknife replicate of them on its own.

    Each margin is one variable or several crossed; `[("segment",), ("tenure",)]` rakes, `[("segment", "tenure")]` post-stratifies. No
    margins at all means that all answers count by design weight alone. `trim`: largest adjustment over its mean; None for no limit.
    The weights add up to the frame. Never raises for data that cannot be weighted well: `warnings` and `is_converged` say so.
    Raises KeyError for a variable that the wave lacks, ValueError for a trim of 1 or less.
    """
    built = strata.margins(wave, margins)
    base = wave.base()
    trimmed = rake_within(base, built, trim)
    count = wave.answers.sum(axis=1)
    answers = int(count.sum())
    if answers == 0:
        nothing = np.full((len(wave.cell), 1 + GROUPS), np.nan)
        nan = float("nan")
        return Weighting(nothing, nothing[:, 0], 0, 0, False, 0, nan, nan, nan, ("nobody has answered",), ())
    weights = wave.design_weight[:, None] * trimmed.factors[wave.cell]
    adjustment = trimmed.factors[wave.cell, 0]
    design_effect = kish(count, weights[:, 0])
    miss = misses(base, trimmed.factors, built)[:, 0]
    is_converged = bool(trimmed.converged[0])
    compared = crossings.compare(wave, base, trimmed.factors, built)
    return Weighting(
        weights=weights,
        adjustment=adjustment,
        answers=answers,
        iterations=trimmed.rounds,
        is_converged=is_converged,
        trimmed=int(count[trimmed.is_cut[wave.cell]].sum()),
        largest_ratio=float(adjustment[count > 0].max() * base[:, 0].sum() / wave.total),
        design_effect=design_effect,
        n_effective=answers / design_effect,
        warnings=(
            *(margin.warning for margin in built if margin.warning),
            *_convergence(is_converged, trimmed.converged[1:], miss, built, trim),
            *(crossing.warning() for crossing in compared if crossing.differs),
        ),
        crossings=tuple(compared),
    )


def kish(count: Array, weight: Array) -> float:
    """Design effect of unequal weights, n·Σw²/(Σw)²; at least 1. `count` answers have each `weight`.

    Source: Kish (1965), Survey Sampling.
    """
    return float(count.sum() * (count @ weight**2) / (count @ weight) ** 2)


def _convergence(is_converged: bool, replicates: Array, miss: Array, margins: Sequence[strata.Margin], trim: float | None) -> list[str]:
    worst = int(np.argmax(miss))
    by = f"{margins[worst].name} by up to {100 * miss[worst]:.1f} points"
    if not is_converged:
        return [f"the margins do not converge: weights miss {by}"]
    said = [f"with no adjustment above {trim:g} times the mean, weights miss {by}"] if miss[worst] >= MISS_WORTH_SAYING else []
    failed = int((~replicates).sum())
    return said + ([f"the margins do not converge in {failed} of {len(replicates)} replicates: intervals are a guess"] if failed else [])
