"""Trimming: no answer speaks for more than so many times what the mean answer speaks for. A little bias against a lot of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.weights.raking import FARTHEST, MET, misses, one_round, rake
from shopkeeper.analysis.weights.strata import Margin
from shopkeeper.analysis.weights.wave import Array

ROUNDS = 100


@dataclass(frozen=True)
class Trimmed:
    """`factors` and `rounds` as of raking; `converged`: the margins can be met, were nothing cut. `is_cut` per frame cell, first column."""

    factors: Array
    rounds: int
    converged: Array
    is_cut: Array


def rake_within(base: Array, margins: Sequence[Margin], trim: float | None) -> Trimmed:
    """Rake; where adjustments come out above `trim` times their mean, cut them, rake a round and cut again, as long as that helps.

    It is the adjustment that is cut, not the design weight: that one is known, and unequal on purpose. Of all rounds the one is kept that
    misses the margins least: where the cap and the margins contradict each other, later rounds only wear strata down. `base`, `margins`: as
    for `rake`. Without `trim` nothing is cut. Raises ValueError for a trim of 1 or less.
    """
    if trim is not None and trim <= 1:
        raise ValueError(f"a cap of {trim} times the mean leaves nothing to weight with; say more than 1")
    free = rake(base, margins)
    uncut = Trimmed(free.factors, free.rounds, free.converged, np.zeros(len(base), bool))
    if trim is None:
        return uncut
    answers = base.sum(axis=0)
    cap = np.divide(trim * margins[0].target.sum(), answers, out=np.full_like(answers, FARTHEST), where=answers > 0)
    if not ((free.factors > cap) & (base > 0)).any():
        return uncut
    factors = trial = np.minimum(free.factors, cap)
    least, rounds = misses(base, factors, margins).max(axis=0), 0
    while rounds < ROUNDS and (least > MET).any():
        rounds += 1
        trial = np.clip(one_round(base, trial, margins), cap / FARTHEST, cap)
        miss = misses(base, trial, margins).max(axis=0)
        factors = np.where(miss < least, trial, factors)
        least = np.minimum(miss, least)
    is_cut = (factors[:, 0] >= cap[0] * (1 - 1e-9)) & (base[:, 0] > 0)
    return Trimmed(factors, free.rounds + rounds, free.converged, is_cut)
