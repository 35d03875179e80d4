"""Margins to weight to: the strata of one variable or of several crossed, and what is done about strata that are too thin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave
from shopkeeper.company.weights import variables_of

FEWEST_ANSWERS = 10  # a stratum with fewer would lend the whole of its share to a handful of people


@dataclass(frozen=True)
class Margin:
    """`stratum`: number of each frame cell's stratum. `is_merged` of each frame cell: its stratum is weighted together with another.

    `target`: customers of the frame in each stratum. `warning`: '' for none.
    """

    variables: tuple[str, ...]
    stratum: Array
    is_merged: Array
    target: Array
    warning: str = ""

    @property
    def name(self) -> str:
        return " × ".join(self.variables)

    @cached_property
    def summing(self) -> sparse.csr_array:
        """Strata × frame cells: what sums cells to strata."""
        cells = len(self.stratum)
        return sparse.csr_array((np.ones(cells), (self.stratum, np.arange(cells))), shape=(len(self.target), cells))


def margins_of(method: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """What a company declares, as margins: `raking` takes each name as one, `post_stratification` crosses all of them.

    A name may cross variables within raking: `segment * tenure_band`.
    """
    each = [variables_of(name) for name in names]
    return [tuple(dict.fromkeys(variable for crossed in each for variable in crossed))] if method == "post_stratification" else each


def margins(wave: Wave, declared: Sequence[Sequence[str]]) -> list[Margin]:
    """One `margin` for each that is declared; without any, all answers are one stratum."""
    return [margin(wave, variables) for variables in declared] or [margin(wave, ())]


def margin(wave: Wave, variables: Sequence[str]) -> Margin:
    """The strata of the crossed `variables`; none of them is one stratum that holds all.

    A stratum with fewer than `FEWEST_ANSWERS` answers, or with answers of one jackknife group alone, is weighted together with the one
    that shares most categories with it (earlier variables first), of those with the smallest; the warning says so.
    Raises KeyError for a variable that the wave does not have.
    """
    keys = list(zip(*(wave.variables[name].tolist() for name in variables), strict=True)) if variables else [()] * len(wave.frame)
    labels = sorted(set(keys))
    number = {label: k for k, label in enumerate(labels)}
    stratum = np.array([number[key] for key in keys])
    size = np.bincount(stratum, wave.frame, len(labels))
    by_group = np.zeros((len(labels), GROUPS))
    np.add.at(by_group, stratum[wave.cell], wave.answers)
    was = by_group.sum(axis=1)

    home = np.arange(len(labels))  # which stratum each is counted in
    target, groups = size.copy(), by_group.copy()
    merged: list[tuple[int, int]] = []
    while True:
        standing = np.flatnonzero(home == np.arange(len(labels)))
        answers = groups[standing].sum(axis=1)
        is_thin = (answers < FEWEST_ANSWERS) | ((groups[standing] > 0).sum(axis=1) < 2)
        if len(standing) < 2 or not is_thin.any():
            break
        thinnest = standing[is_thin][np.argmin(answers[is_thin])]
        others = [int(k) for k in standing if k != thinnest]
        partner = min(others, key=lambda k: _distance(labels[thinnest], labels[k], float(target[k])))
        merged.append((int(thinnest), partner))
        home[home == thinnest] = partner
        target[partner] += target[thinnest]
        groups[partner] += groups[thinnest]

    kept = np.flatnonzero(home == np.arange(len(labels)))
    place = np.searchsorted(kept, home)
    is_merged = (np.bincount(place) > 1)[place]
    return Margin(tuple(variables), place[stratum], is_merged[stratum], target[kept], _warning(variables, labels, merged, was, size))


def _distance(one: tuple[str, ...], other: tuple[str, ...], size: float) -> tuple[int, tuple[bool, ...], float, tuple[str, ...]]:
    unlike = tuple(a != b for a, b in zip(one, other, strict=True))
    return sum(unlike), unlike, size, other


def _warning(variables: Sequence[str], labels: list[tuple[str, ...]], merged: list[tuple[int, int]], answers: Array, size: Array) -> str:
    if not merged:
        return ""
    thin = [k for k, _ in merged]
    silent = sum(int(answers[k] == 0) for k in thin)
    first, partner = merged[0]
    share = f"{100 * size[thin].sum() / size.sum():.1f} % of the frame"
    example = f"{', '.join(labels[first])} with {', '.join(labels[partner])}"
    return (
        f"{' × '.join(variables)}: too few answers in {len(thin)} of {len(labels)} strata, none in {silent}, which are {share} "
        f"and weighted together with others (the first: {example})"
    )
