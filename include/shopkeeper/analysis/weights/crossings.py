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


def compare(wave: Wave, weighted: Array, margins: Sequence[Margin]) -> list[Crossing]:
    """Hold the weighted answers against the frame on every two variables that no margin crosses.

    `weighted` C × (1 + GROUPS): weighted answers per frame cell, all and with each group left out. Each cell's difference is judged by
    its jackknife error, t with GROUPS − 1 degrees of freedom, Bonferroni over all cells with `FEWEST_EXPECTED` answers expected.
    Crossings of three variables are not looked at.
    """
    used = sorted({name for margin in margins for name in margin.variables})
    unused = [pair for pair in combinations(used, 2) if not any(set(pair) <= set(margin.variables) for margin in margins)]
    answers = float(wave.answers.sum())
    totals = weighted.sum(axis=0)
    if not unused or not np.all(totals > 0):
        return []
    looked_at = []
    for pair in unused:
        keys = list(zip(*(_categories(wave, name, margins) for name in pair), strict=True))
        labels = sorted(set(keys))
        number = {label: k for k, label in enumerate(labels)}
        cell = np.array([number[key] for key in keys])
        by_cell = np.zeros((len(labels), 1 + GROUPS))
        np.add.at(by_cell, cell, weighted)
        share = by_cell / totals
        frame = np.bincount(cell, wave.frame, len(labels)) / wave.total
        error = np.sqrt((GROUPS - 1) / GROUPS * ((share[:, 1:] - share[:, :1]) ** 2).sum(axis=1))
        difference = share[:, 0] - frame
        can_tell = (answers * frame >= FEWEST_EXPECTED) & (error > 1e-12)
        t = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=can_tell)
        looked_at.append((pair, labels, frame, share[:, 0], difference, t, int(can_tell.sum())))
    cells = sum(one[-1] for one in looked_at)
    found = []
    for pair, labels, frame, share, difference, t, _ in looked_at:
        worst = int(np.argmax(t))
        p = min(1.0, cells * 2 * float(stats.t.sf(t[worst], GROUPS - 1))) if t[worst] > 0 else 1.0
        misplaced = float(np.abs(difference).sum() / 2)
        found.append(Crossing((pair[0], pair[1]), misplaced, p, ", ".join(labels[worst]), float(frame[worst]), float(share[worst])))
    return found


def _categories(wave: Wave, name: str, margins: Sequence[Margin]) -> list[str]:
    """Of each frame cell. Those that were too thin to be told apart are not told apart here either."""
    for margin in margins:
        if margin.variables == (name,):
            return [margin.labels[k] for k in margin.stratum]
    categories: list[str] = wave.variables[name].tolist()
    return categories
