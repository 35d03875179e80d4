"""Trimming: no answer speaks for more than so many times what the mean answer speaks for. A little bias against a lot of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.weights.raking import rake
from shopkeeper.analysis.weights.strata import Margin
from shopkeeper.analysis.weights.wave import Array

CYCLES = 50


@dataclass(frozen=True)
class Trimmed:
    """`factors`, `rounds` (of all rakings) and `converged` as of raking; `is_cut` per frame cell, of the first column."""

    factors: Array
    rounds: int
    converged: Array
    is_cut: Array


def rake_within(base: Array, margins: Sequence[Margin], trim: float | None) -> Trimmed:
    """Rake, cut adjustments above `trim` times their mean, rake again, until none is above; at last cut without raking again.

    It is the adjustment that is cut, not the design weight: that one is known, and unequal on purpose. `base`, `margins`: as for `rake`.
    Without `trim` nothing is cut. Raises ValueError for a trim of 1 or less.
    """
    if trim is not None and trim <= 1:
        raise ValueError(f"a cap of {trim} times the mean leaves nothing to weight with; say more than 1")
    raked = rake(base, margins)
    converged, rounds = raked.converged, raked.rounds
    is_cut = np.zeros(len(base), bool)
    if trim is None:
        return Trimmed(raked.factors, rounds, converged, is_cut)
    answers = base.sum(axis=0)
    cap = np.divide(trim * margins[0].target.sum(), answers, out=np.full_like(answers, np.inf), where=answers > 0)
    for _ in range(CYCLES):
        is_above = (raked.factors > cap * (1 + 1e-9)) & (base > 0)
        if not is_above.any():
            break
        is_cut |= is_above[:, 0]
        raked = rake(base, margins, np.minimum(raked.factors, cap))
        rounds += raked.rounds
    return Trimmed(np.minimum(raked.factors, cap), rounds, converged, is_cut)
