"""A model's columns: one per level but the reference, without what others say already, and how much drivers go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.drivers.levels import NOT_RECORDED, RARE, Driver
from shopkeeper.analysis.drivers.ordinal import Array

LEAST_OF_ITS_OWN = 0.01  # share of a column's variance that no column before it says; less, and the column is left out
MOST_INFLATED = 10**0.5  # of a driver's intervals, against one that goes with no other; sqrt of the usual limit of 10 for a variance
FEWEST_APART = 10  # answers of rare levels, or without one, that get a column of their own


@dataclass(frozen=True)
class Design:
    """`values`: answers × columns. `of_driver` and `of_level` say what each column is."""

    drivers: tuple[Driver, ...]
    values: Array
    of_driver: Array
    of_level: Array

    def columns(self, driver: int) -> Array:
        return np.flatnonzero(self.of_driver == driver)

    def pattern(self, driver: int, level: int) -> Array:
        """What stands in the driver's columns at a level."""
        pattern: Array = (self.of_level[self.columns(driver)] == level).astype(float)
        return pattern

    def has(self, driver: int, level: int) -> bool:
        """Whether the level can be told from its driver's reference."""
        return level == self.drivers[driver].reference or level in self.of_level[self.columns(driver)]

    def inflation(self) -> list[tuple[float, str]]:
        """How much wider each driver's intervals are for what goes with it, and the driver that goes with it most.

        The generalised variance inflation factor to the power 1/(2·columns). Source: Fox and Monette (1992).
        """
        correlation = np.atleast_2d(np.corrcoef(self.values, rowvar=False))
        every = np.arange(correlation.shape[0])
        whole = _log_determinant(correlation, every)
        found = []
        for number in range(len(self.drivers)):
            own, other = self.columns(number), np.flatnonzero(self.of_driver != number)
            if not len(own) or not len(other):
                found.append((1.0, ""))
                continue
            factor = _log_determinant(correlation, own) + _log_determinant(correlation, other) - whole
            nearest = other[np.abs(correlation[np.ix_(own, other)]).max(axis=0).argmax()]
            found.append((float(np.exp(factor / (2 * len(own)))), self.drivers[self.of_driver[nearest]].name))
        return found


def _log_determinant(correlation: Array, chosen: Array) -> float:
    return float(np.linalg.slogdet(correlation[np.ix_(chosen, chosen)])[1])


def design(drivers: Sequence[Driver]) -> Design:
    """The columns of these drivers, in their order: of what two drivers say alike, the earlier one says it."""
    rows = len(drivers[0].place)
    columns, of_driver, of_level = [], [], []
    for number, driver in enumerate(drivers):
        wanted = [level for level in range(len(driver.levels)) if level != driver.reference]
        wanted += [level for level in (RARE, NOT_RECORDED) if (driver.place == level).sum() >= FEWEST_APART]
        for level in wanted:
            columns.append((driver.place == level).astype(float))
            of_driver.append(number)
            of_level.append(level)
    values = np.column_stack(columns) if columns else np.zeros((rows, 0))
    kept = _with_something_of_their_own(values)
    return Design(tuple(drivers), values[:, kept], np.array(of_driver, int)[kept], np.array(of_level, int)[kept])


def _with_something_of_their_own(values: Array) -> Array:
    """Which columns are no combination of a constant and the columns before them: a Cholesky that passes over those that are."""
    centred = values - values.mean(axis=0)
    gram = centred.T @ centred
    own = np.diag(gram).copy()
    kept: list[int] = []
    root = np.zeros((0, 0))
    for column in range(gram.shape[0]):
        across = np.linalg.solve(root, gram[kept, column]) if kept else np.zeros(0)
        left = gram[column, column] - across @ across
        if own[column] > 0 and left > LEAST_OF_ITS_OWN * own[column]:
            root = np.block([[root, np.zeros((len(kept), 1))], [across[None, :], np.sqrt(left) * np.ones((1, 1))]])
            kept.append(column)
    return np.array(kept, int)
