"""What is known of customers as columns of numbers: one per level of what is named, with curves and slopes for what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.effects.models import Array

FEWEST_OF_LEVEL = 30  # rarer levels share a column: a coefficient of their own would be noise


@dataclass(frozen=True)
class Covariates:
    """Rows × names. The first `shown` columns are what a reader knows and balance is judged on; the rest are squares and products."""

    names: list[str]
    values: Array
    shown: int

    def where(self, rows: Array) -> Covariates:
        return Covariates(self.names, self.values[rows], self.shown)


def columns(
    named: Mapping[str, Array], measured: Mapping[str, Array], *, curved: Sequence[str] = (), crossed: str | None = None
) -> Covariates:
    """Covariates of a study from what is known strictly before it.

    `named`: columns of text; a missing value is a level of its own, `unknown`. The most frequent level is the reference, and levels
    of fewer than `FEWEST_OF_LEVEL` rows are one, `other`. `measured`: columns of numbers without gaps. Those that `curved` lists
    get a square, and a slope of their own in each level of the `crossed` column of `named`.
    """
    levels = {name: _levels(values) for name, values in named.items()}
    numbers = {name: values.astype(float) for name, values in measured.items()}
    known = {f"{name}: {level}": is_it for name, of_it in levels.items() for level, is_it in of_it.items()} | numbers
    shown = len(known)
    standard = {name: (numbers[name] - numbers[name].mean()) / (numbers[name].std() or 1.0) for name in curved if len(numbers[name])}
    known |= {f"{name}, squared": values**2 for name, values in standard.items()}
    for level, is_it in levels.get(crossed, {}).items() if crossed else ():
        known |= {f"{name} × {crossed}: {level}": is_it * values for name, values in standard.items()}
    rows = len(next(iter({**named, **measured}.values())))
    return Covariates(list(known), np.column_stack(list(known.values())) if known else np.zeros((rows, 0)), shown)


def _levels(values: Array) -> dict[str, Array]:
    """An indicator of every level but the most frequent one, in the order of their names."""
    text = np.array(["unknown" if value is None else str(value) for value in values.tolist()], dtype=str)
    names, place, counts = np.unique(text, return_inverse=True, return_counts=True)
    if not len(names):
        return {}
    rare, reference = counts < FEWEST_OF_LEVEL, int(counts.argmax())
    indicators = {str(names[k]): (place == k).astype(float) for k in range(len(names)) if not rare[k] and k != reference}
    if rare.any() and not rare[reference]:
        indicators["other"] = rare[place].astype(float)
    return indicators
