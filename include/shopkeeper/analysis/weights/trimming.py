"""Trimming: no answer speaks for more than so many times what the mean answer speaks for. A little bias against a lot of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.weights.raking import rake
from shopkeeper.analysis.weights.strata import Margin
from shopkeeper.analysis.weights.wave import Array


@dataclass(frozen=True)
class Trimmed:
    """`factors` and `rounds` as of raking; `converged`: the margins can be met, were nothing cut. `is_cut` per frame cell, first column."""

    factors: Array
    rounds: int
    converged: Array
    is_cut: Array


def rake_within(base: Array, margins: Sequence[Margin], trim: float | None) -> Trimmed:
    """Rake; where adjustments come out above `trim` times their mean, rake again and cut them after each round.

    It is the adjustment that is cut, not the design weight: that one is known, and unequal on purpose. The margins are then met as well as
    they can be under the cap. `base`, `margins`: as for `rake`. Without `trim` nothing is cut. Raises ValueError for a trim of 1 or less.
    """
    if trim is not None and trim <= 1:
        raise ValueError(f"a cap of {trim} times the mean leaves nothing to weight with; say more than 1")
    free = rake(base, margins)
    uncut = Trimmed(free.factors, free.rounds, free.converged, np.zeros(len(base), bool))
    if trim is None:
        return uncut
    answers = base.sum(axis=0)
    cap = np.divide(trim * margins[0].target.sum(), answers, out=np.full_like(answers, np.inf), where=answers > 0)
    if not ((free.factors > cap) & (base > 0)).any():
        return uncut
    cut = rake(base, margins, cap)
    is_cut = (cut.factors[:, 0] >= cap[0] * (1 - 1e-9)) & (base[:, 0] > 0)
    return Trimmed(cut.factors, free.rounds + cut.rounds, free.converged, is_cut)
