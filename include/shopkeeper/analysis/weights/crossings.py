"""Are main margins enough? Who answers may depend on two things together; then the crossing still differs when both margins agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from shopkeeper.analysis.weights.strata import Margin
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave

LEVEL = 0.01  # over all cells of all crossings of a wave together
FEWEST_EXPECTED = 10.0  # answers: in a smaller cell one person more or less is a large difference
WORTH_SAYING = 0.01  # of the weight stands in the wrong cells; less moves a score by less than two points at the very worst


@dataclass(frozen=True)
class Crossing:
    """A crossing of two variables that no margin holds.

    `misplaced`: share of the weight that stands in another cell than in the frame. `p`: of its worst cell, adjusted for all cells that
    were looked at; 1 where none could be. `worst` names that cell, with its share of the frame and of the weight.
    """

    variables: tuple[str, str]
    misplaced: float
    p: float
    worst: str
    frame_share: float
    weighted_share: float

    @property
    def differs(self) -> bool:
        return self.p < LEVEL and self.misplaced >= WORTH_SAYING

    def warning(self) -> str:
        names, share = " × ".join(self.variables), f"{100 * self.misplaced:.1f} %"
        worst = f"{self.worst}: {100 * self.weighted_share:.1f} %, in the frame {100 * self.frame_share:.1f} %"
        return f"{names}: weighting each on its own leaves {share} of the weight in the wrong cells (most in {worst}); declare them crossed"


@dataclass(frozen=True)
class _Cells:
    """The cells of one crossing: label, share of the frame and of the weight, and how many errors lie between the two."""

    labels: list[tuple[str, ...]]
    frame: Array
    weighted: Array
    t: Array
    looked_at: int


def compare(wave: Wave, base: Array, factors: Array, margins: Sequence[Margin]) -> list[Crossing]:
    """Hold the weighted answers against the frame on every two variables that no margin crosses.

    `base`, `factors` C × (1 + GROUPS), as of raking. Each cell's difference is judged by the larger of two errors, the jackknife's and
    that of so many answers as the weights promise; t with GROUPS − 1 degrees of freedom, Bonferroni over all cells of all crossings. Where
    fewer than `FEWEST_EXPECTED` answers are promised nothing is judged. Strata too thin to stand alone differ by what was done about them,
    which is said elsewhere; their cells are left out. Crossings of three variables are not looked at.
    """
    used = sorted({name for margin in margins for name in margin.variables})
    unused = [pair for pair in combinations(used, 2) if not any(set(pair) <= set(margin.variables) for margin in margins)]
    kept = ~np.any([margin.is_merged for margin in margins], axis=0)
    weighted = base * factors
    if not unused or not kept.any() or not np.all(weighted.sum(axis=0) > 0):
        return []
    share = weighted / weighted.sum(axis=0)
    weight = factors[:, 0] * _design_weight(wave, base[:, 0])
    crossed = [_cells(wave, pair, kept, share, weight) for pair in unused]
    cells = sum(one.looked_at for one in crossed)
    found = []
    for pair, one in zip(unused, crossed, strict=True):
        worst = int(np.argmax(one.t))
        p = min(1.0, cells * 2 * float(stats.t.sf(one.t[worst], GROUPS - 1)))
        misplaced = float(np.abs(one.weighted - one.frame).sum() / 2)
        shares = float(one.frame[worst]), float(one.weighted[worst])
        found.append(Crossing((pair[0], pair[1]), misplaced, p, ", ".join(one.labels[worst]), *shares))
    return found


def _design_weight(wave: Wave, base: Array) -> Array:
    """Mean of each frame cell; of all where nobody answered."""
    answers = np.bincount(wave.cell, wave.answers.sum(axis=1), len(base))
    mean: Array = np.divide(base, answers, out=np.full(len(base), base.sum() / answers.sum()), where=answers > 0)
    return mean


def _cells(wave: Wave, pair: Sequence[str], kept: Array, share: Array, weight: Array) -> _Cells:
    keys = list(zip(*(wave.variables[name][kept].tolist() for name in pair), strict=True))
    labels = sorted(set(keys))
    number = {label: k for k, label in enumerate(labels)}
    cell = np.array([number[key] for key in keys])
    by_cell = np.zeros((len(labels), share.shape[1]))
    np.add.at(by_cell, cell, share[kept])
    size = wave.frame[kept]
    frame = np.bincount(cell, size) / wave.total
    # a cell where by chance hardly anybody answered has a jackknife error near 0: what the weights promise keeps it honest
    promised = np.bincount(cell, size / weight[kept])
    error = np.maximum(
        np.sqrt((GROUPS - 1) / GROUPS * ((by_cell[:, 1:] - by_cell[:, :1]) ** 2).sum(axis=1)),
        np.sqrt(np.bincount(cell, size * weight[kept])) / wave.total,
    )
    can_tell = promised >= FEWEST_EXPECTED
    t = np.where(can_tell, np.abs(by_cell[:, 0] - frame) / error, 0.0)
    return _Cells(labels, frame, by_cell[:, 0], t, int(can_tell.sum()))
