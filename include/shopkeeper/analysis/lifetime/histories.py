"""What a model of purchases needs to know of each customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.analysis.lifetime.likelihood import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """Customers who have bought at least once, one element each.

    `repeats` x: purchases after the first. `recency` t_x: time from the first purchase to the last, 0 without a repeat.
    `age` T: time from the first purchase to the end of what was observed. One unit of time, the same for all.
    """

    repeats: Floats
    recency: Floats
    age: Floats

    def __post_init__(self) -> None:
        if not len(self.repeats) == len(self.recency) == len(self.age):
            raise ValueError("repeats, recency and age differ in length")
        if (self.repeats < 0).any() or (self.recency < 0).any() or (self.recency > self.age).any():
            raise ValueError("needs repeats >= 0 and 0 <= recency <= age")

    def __len__(self) -> int:
        return len(self.repeats)

    def __getitem__(self, index: NDArray[np.generic] | slice) -> Histories:
        return Histories(self.repeats[index], self.recency[index], self.age[index])

    def distinct(self) -> tuple[Histories, Ints, Floats]:
        """Each history once, which of them each customer has, and how many customers have it."""
        ages, age = np.unique(self.age, return_inverse=True)
        recencies, recency = np.unique(self.recency, return_inverse=True)
        code = (self.repeats.astype(np.int64) * len(recencies) + recency) * len(ages) + age
        _, first, which, counts = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
        return self[first], which.astype(np.int64), counts.astype(float)
