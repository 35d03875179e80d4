"""One weighting wave as joint counts: margin cell × design weight × jackknife group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GROUPS = 40  # of the delete-a-group jackknife; each customer is in one of them, the same in every wave


@dataclass(frozen=True)
class Wave:
    """The frame and the answers of one weighting wave.

    `variables`: name → category of each of the C frame cells, as text ('unknown' is a category, a gap is not).
    `frame`: customers or interactions in each frame cell, drawn or not, each above 0.
    `cell`: the frame cell of each of the K weighting cells, a number below C. `design_weight`: 1/π of each of them.
    `answers`: K × GROUPS, how many answers of each weighting cell come from customers of each jackknife group.
    Raises ValueError where these do not fit together.
    """

    variables: Mapping[str, Array]
    frame: Array
    cell: Array
    design_weight: Array
    answers: Array

    def __post_init__(self) -> None:
        cells, rows = len(self.frame), len(self.cell)
        if any(len(categories) != cells for categories in self.variables.values()):
            raise ValueError(f"each variable needs a category for each of the {cells} frame cells")
        if cells == 0 or not np.all(self.frame > 0):
            raise ValueError("a frame cell holds at least one customer")
        if self.answers.shape != (rows, GROUPS) or len(self.design_weight) != rows:
            raise ValueError(f"{rows} weighting cells need {rows} design weights and {rows} × {GROUPS} counts of answers")
        if rows and not (self.cell.min() >= 0 and self.cell.max() < cells):
            raise ValueError(f"weighting cells point at frame cells 0 to {cells - 1}")
        if not np.all(self.design_weight > 0):
            raise ValueError("a design weight is above 0: whoever could not be drawn is not in the frame")

    @property
    def total(self) -> float:
        """How many the frame holds."""
        return float(self.frame.sum())

    def base(self) -> Array:
        """Design-weighted answers per frame cell: C × (1 + GROUPS). The first column holds all, column 1 + g all but group g."""
        weighted = self.design_weight[:, None] * self.answers
        by_group = np.zeros((len(self.frame), GROUPS))
        np.add.at(by_group, self.cell, weighted)
        everyone = by_group.sum(axis=1, keepdims=True)
        return np.hstack([everyone, everyone - by_group])
