"""What is known of each answer as drivers: a few named levels each, because a level is what a company can change and a reader can check."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.analysis.drivers.ordinal import Array

FEWEST = 30  # answers of a level; rarer ones are kept apart in the model, and nothing is said about them
MOST_LEVELS = 12  # of what is named; the most frequent ones
FEW_NUMBERS = 6  # so many different numbers are levels; more are cut into quarters
MENTIONED = ("not mentioned", "mentioned")
NOT_RECORDED, RARE = -1, -2


@dataclass(frozen=True)
class Driver:
    """`place` says each answer's level by number, `NOT_RECORDED` or `RARE`. `levels[reference]` is compared with.

    `kind`: customer (who answers), experience (what happened), said (what else the answer says).
    """

    name: str
    kind: str
    levels: tuple[str, ...]
    place: Array
    reference: int = 0

    def where(self, rows: Array) -> Driver:
        return replace(self, place=self.place[rows])

    @property
    def counts(self) -> Array:
        return np.bincount(self.place[self.place >= 0], minlength=len(self.levels))


def named(name: str, kind: str, code: Array, names: Sequence[str], order: Sequence[str] = ()) -> Driver:
    """A driver from `code`, which numbers `names` (−1 where nothing is recorded).

    With an `order` the first level in it is compared with; otherwise a few levels that are all numbers are ordered by size, and of
    others the most frequent one is compared with.
    """
    is_scale = 0 < len(names) <= MOST_LEVELS and all(map(is_number, names))
    ordered = list(order) if order else sorted(names, key=float) if is_scale else []
    if ordered:
        levels = [level for level in ordered if level in names]
    else:
        counts = np.bincount(code[code >= 0], minlength=len(names))
        usual = np.lexsort((np.array(names), -counts))[:MOST_LEVELS] if len(names) else np.zeros(0, int)
        levels = sorted(names[k] for k in usual)
    to = np.array([levels.index(level) if level in levels else RARE for level in names] + [NOT_RECORDED])
    driver = Driver(name, kind, tuple(levels), to[code])
    return driver if ordered or not levels else replace(driver, reference=int(driver.counts.argmax()))


def measured(name: str, kind: str, values: Array) -> Driver:
    """A driver from numbers (NaN where nothing is recorded): a few are levels, many are cut into quarters, the lowest compared with."""
    known = np.isfinite(values)
    different = np.unique(values[known])
    if len(different) <= FEW_NUMBERS:
        names = [_told(number) for number in different]
        return named(name, kind, np.where(known, np.searchsorted(different, values), -1), names, order=names)
    edges = np.unique(np.quantile(values[known], [0.25, 0.5, 0.75]))
    edges = edges[edges < different[-1]]
    return banded(name, kind, values, edges, _quarters(edges))


def banded(name: str, kind: str, values: Array, edges: Array, levels: Sequence[str]) -> Driver:
    """A driver from numbers and the edges of its levels; a number at an edge is in the level that ends there."""
    place = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), -1)
    return Driver(name, kind, tuple(levels), place)


def _quarters(edges: Array) -> list[str]:
    told = [_told(edge) for edge in edges]
    between = [f"over {low} to {high}" for low, high in itertools.pairwise(told)]
    return [f"up to {told[0]}", *between, f"over {told[-1]}"] if told else ["any"]


def _told(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 1e4 else f"{number:.0f}"


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def unfolded(name: str, kind: str, code: Array, texts: Sequence[str]) -> Driver:
    """A driver from texts that may all be numbers, as JSON has them."""
    if texts and len(texts) > FEW_NUMBERS and all(map(is_number, texts)):
        return measured(name, kind, np.array([*map(float, texts), np.nan])[code])
    return named(name, kind, code, texts)


def mentions(name: str, kind: str, code: Array, texts: Sequence[str]) -> list[Driver]:
    """One driver per item of texts that list several, separated by commas: mentioned, or not where any may be.

    Where nearly all mention one, the most frequent one is what the others are compared with.
    """
    items = [{item.strip() for item in text.split(",")} - {""} for text in texts]
    found = [
        Driver(f"{name}: {item}", kind, MENTIONED, np.array([*(int(item in listed) for listed in items), -1])[code])
        for item in sorted(set().union(*items))
    ]
    usual = sorted(found, key=lambda driver: (-int(driver.counts[1]), driver.name))[:MOST_LEVELS]
    silent = np.all([driver.place == 0 for driver in usual], axis=0).sum() if usual else 0
    return usual if silent >= FEWEST else usual[1:]


def usable(drivers: Sequence[Driver], fewest: int = FEWEST) -> list[Driver]:
    """The drivers that vary among these answers, without their rare levels; where the reference is rare, the first level that is not."""
    return [driver for driver in (_without_rare(one, fewest) for one in drivers) if len(driver.levels) > 1]


def _without_rare(driver: Driver, fewest: int) -> Driver:
    kept = np.flatnonzero(driver.counts >= fewest)
    if len(kept) < 2:
        return replace(driver, levels=())
    to = np.append(np.full(len(driver.levels), RARE), [RARE, NOT_RECORDED])
    to[kept] = np.arange(len(kept))
    of_kept = to[driver.reference]
    reference = int(of_kept) if of_kept >= 0 else 0
    return replace(driver, levels=tuple(driver.levels[k] for k in kept), place=to[driver.place], reference=reference)
