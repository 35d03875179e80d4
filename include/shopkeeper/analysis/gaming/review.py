"""All units × signals of a run as one family, at the false-discovery rate of monthly runs; what is found is counted in branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.gaming import case_mix, units
from shopkeeper.analysis.gaming.exposure import LEVELS, Array, Exposure

# Of what twelve monthly runs accuse, one in twenty may be accused wrongly; so each run has a twelfth of it.
Q = 0.05 / 12
ROUNDS = 5


@dataclass(frozen=True)
class Reviewed:
    """One entry per unit and signal, in the order of exposures, levels and units.

    `exposure` and `level` are positions in the exposures and in LEVELS, `unit` and `group` the codes given. `p` and `q` are NaN
    where there are too few other units. `rounds`: how often the family was judged, each time without those found before.
    """

    exposure: Array
    level: Array
    unit: Array
    group: Array
    n: Array
    observed: Array
    expected: Array
    deviation: Array
    p: Array
    q: Array
    rounds: int

    @property
    def needs_review(self) -> Array:
        return np.nan_to_num(self.q, nan=1.0) <= Q


def review(exposures: Sequence[Exposure]) -> Reviewed:
    """Hold every unit against the others in every signal.

    Branches in which somebody needs review are taken out of what the others are held against, and the family is judged again, until
    nobody is added or too few others would be left: one branch that is gamed makes "units differ that much" look true, and so hides
    the next.
    """
    counts = [[(level, units.counted(one, level)) for level in LEVELS if level in one.units and len(one.outcome)] for one in exposures]
    suspects = np.zeros(0, int)
    for rounds in range(1, ROUNDS + 1):
        found = _judge(exposures, counts, suspects, rounds)
        more = np.union1d(suspects, found.group[found.needs_review])
        if len(more) == len(suspects) or len(np.setdiff1d(found.group, more)) <= units.FEWEST_OTHERS:
            break
        suspects = more
    return found


def _judge(exposures: Sequence[Exposure], counts: Sequence[Sequence[tuple[str, units.Counted]]], suspects: Array, rounds: int) -> Reviewed:
    parts: list[tuple[Array, ...]] = []
    for number, (exposure, by_level) in enumerate(zip(exposures, counts, strict=True)):
        cell, design = exposure.cells
        trusted = ~np.isin(exposure.group, suspects)
        rows = np.bincount(cell[trusted], minlength=len(design)).astype(float)
        happened = np.bincount(cell[trusted], exposure.outcome[trusted].astype(float), len(design))
        added = case_mix.slopes(design, rows, happened)
        for level, counted in by_level:
            compared = units.compare(counted, added, suspects)
            place = [np.full(len(counted.unit), code) for code in (number, LEVELS.index(level))]
            looked_at = (counted.unit, counted.group, counted.n, counted.observed)
            # where nothing at all was counted nobody can be accused, and what cannot accuse takes no part in the family (Tarone 1990)
            can_accuse = np.full(len(counted.unit), bool(counted.observed.any()))
            parts.append((*place, *looked_at, compared.expected, compared.deviation, compared.p, can_accuse))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 10
    exposure_of, level_of, unit, group, n, observed, expected, deviation, p, can_accuse = columns
    q = adjusted(np.where(can_accuse, p, np.nan), level_of, group)
    return Reviewed(
        exposure=exposure_of,
        level=level_of,
        unit=unit,
        group=group,
        n=n,
        observed=observed,
        expected=expected,
        deviation=deviation,
        p=p,
        q=np.where(can_accuse, q, p),
        rounds=rounds,
    )


def adjusted(p: Array, level: Array, group: Array) -> Array:
    """q-values of one family in which a group is found once, however many traces it leaves. NaN stays NaN and counts for nothing.

    A q-value is q or less where the procedure of Benjamini and Bogomolov (2014, JRSS B 76) at q rejects: Simes' p-value of each
    group, Benjamini–Hochberg over the G groups, and inside of each of the R that are found Benjamini–Hochberg once more, at q·R/G.
    So what is found at one branch lets the bar down for the others by one branch, and not by each of its traces.
    """
    known = np.flatnonzero(np.isfinite(p))
    groups, place = np.unique(group[known], return_inverse=True)
    inside = np.empty(len(known))
    for one in range(len(groups)):
        of_it = place == one
        inside[of_it] = _inside(p[known[of_it]], level[known[of_it]])
    simes = np.full(len(groups), np.inf)
    np.minimum.at(simes, place, inside)
    # G·threshold/R at the row's own threshold; or at the Simes' p-value of a further group, where R grows by more than the threshold does
    found = np.searchsorted(np.sort(simes), inside, side="right")
    further = np.r_[_stepped_up(np.sort(simes) * len(groups)), 1.0][found]
    q = np.full(len(p), np.nan)
    q[known] = np.minimum(inside * len(groups) / found, further)
    return q


def _inside(p: Array, level: Array) -> Array:
    """Benjamini–Hochberg adjusted p-values of one group, in which each level has the same share; the smallest is Simes' p-value.

    Weighted (Genovese, Roeder and Wasserman 2006, Biometrika 93): a hypothesis of a level with few units weighs more than one of a
    level with many, and the weights average 1. So its many employees do not drown a branch.
    """
    _, place, sizes = np.unique(level, return_inverse=True, return_counts=True)
    return _stepped_up(p * sizes[place] * len(sizes))


def _stepped_up(scaled: Array) -> Array:
    """Each over its rank, the smallest first; none larger than a later one, and none over 1."""
    order = np.argsort(scaled, kind="stable")
    stepped = np.empty(len(scaled))
    ranks = np.arange(1, len(scaled) + 1)
    stepped[order] = np.minimum(np.minimum.accumulate((scaled[order] / ranks)[::-1])[::-1], 1.0)
    return stepped
