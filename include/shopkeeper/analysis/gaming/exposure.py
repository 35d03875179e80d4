"""What a signal counts, and among what: one row per invitation, answer or interaction, with its units and its case mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEVELS = ("branch", "team", "employee")
FEWEST_OF_LEVEL = 30  # rarer levels of a case-mix column share one column: a coefficient of their own would be noise


@dataclass(frozen=True)
class Exposure:
    """Rows of one signal in one programme: `outcome` is what is counted.

    `units`: level → code of each row's unit, -1 where it has none. `group` is the unit within which units are not held against each
    other (the branch): a branch, its teams and its people are left out together. `case_mix`: column → codes from 0; `measured`:
    column → numbers, of few different values. `subject` is what stands as evidence: positions in a list of ids that the caller
    keeps, one or several of each row. Units with fewer rows than `fewest` are not looked at.
    """

    programme: str
    signal: str
    outcome: Array
    group: Array
    units: Mapping[str, Array]
    case_mix: Mapping[str, Array] = field(default_factory=dict)
    measured: Mapping[str, Array] = field(default_factory=dict)
    subject: Array | None = None
    fewest: int = 30

    @cached_property
    def cells(self) -> tuple[Array, Array]:
        """(cell of each row, design: cells × columns): rows with the same case mix are one cell.

        A column per level but the most frequent one.
        """
        key = np.zeros(len(self.outcome), np.int64)
        places = [np.unique(values, return_inverse=True)[1] for values in self.measured.values()]
        for codes in (*self.case_mix.values(), *places):
            key = np.unique(key, return_inverse=True)[1] * (int(codes.max(initial=0)) + 1) + codes
        _, first, cell = np.unique(key, return_index=True, return_inverse=True)
        columns = [column for codes in self.case_mix.values() for column in _indicators(codes, first)]
        columns += [values[first] for values in self.measured.values()]
        return cell, np.column_stack(columns) if columns else np.zeros((len(first), 0))


def _indicators(codes: Array, first: Array) -> list[Array]:
    """One column per frequent level but the most frequent, and one for all rare ones together; a row per cell."""
    sizes = np.bincount(codes) if len(codes) else np.zeros(1, int)
    is_rare = (sizes < FEWEST_OF_LEVEL) & (sizes > 0)
    of_cell, reference = codes[first], int(sizes.argmax())
    frequent = [level for level in np.flatnonzero(sizes >= FEWEST_OF_LEVEL) if level != reference]
    columns = [of_cell == level for level in frequent]
    if is_rare.any() and not is_rare[reference]:
        columns.append(is_rare[of_cell])
    return [column.astype(float) for column in columns]
