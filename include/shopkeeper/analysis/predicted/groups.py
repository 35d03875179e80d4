"""Predicted scores of groups: the mean of P(promoter) less P(detractor) over those who are silent, with what is not known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.predicted import scoring
from shopkeeper.analysis.predicted.study import MARK, Asked, Study, Z

FEWEST_HELD_OUT = 30  # answers that the model was not fitted on, in the group; fewer do not say how far off it is


@dataclass(frozen=True)
class Group:
    """Predicted score in points with its 95 % interval, empty where too few held-out answers tell how good it is."""

    dimension: str
    value: str
    silent: int
    held_out: int
    detractors: float
    promoters: float
    score: tuple[float, float, float] | None


def groups(asked: Asked, found: Study) -> Iterator[Group]:
    """Everybody, and each value of `asked.groups` among those who are silent; nothing where no model is published."""
    if found.chances is None or found.slices is None or found.weight is None:
        return
    chances, held_out = found.chances, found.slices.held_out
    weight = np.zeros(len(asked.band))
    weight[held_out] = found.weight
    everybody = np.full(len(asked.band), "all", dtype=object)
    for dimension, values in {"all": everybody, **asked.groups}.items():
        for value in sorted({value for value in values[asked.is_silent].tolist() if value is not None}):
            inside = values == value
            rows = np.flatnonzero(asked.is_silent & inside)
            told = held_out[inside[held_out]]
            detractors, promoters = (float(chances[rows, k].mean()) for k in (0, 2))
            score = _score(asked, chances, rows, told, weight[told]) if len(told) >= FEWEST_HELD_OUT else None
            yield Group(dimension, str(value), len(rows), len(told), 100 * detractors, 100 * promoters, score)


def _score(asked: Asked, chances: Array, rows: Array, told: Array, weight: Array) -> tuple[float, float, float]:
    """The middle is what the model says. How far it may be off, the group's held-out answers say, weighted to be like its silent customers:

    by as much as they are off, or as chance lets them be, whichever is more. The rest is what so many customers would happen to say.
    """
    missed = MARK[asked.band[told]] - chances[told] @ MARK
    off, error = scoring.mean_by_customer(missed, asked.customer[told], weight)
    expected = chances[rows] @ MARK
    chance = (chances[rows] @ MARK**2 - expected**2).sum() / len(rows) ** 2
    middle = 100 * float(expected.mean())
    half = 100 * Z * float(np.sqrt(max(off**2, error**2) + chance))
    return middle, max(-100.0, middle - half), min(100.0, middle + half)
