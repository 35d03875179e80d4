"""Do the cells of nps_by_segment hold the truth? Segments, branches, days and weeks have the linearised interval, not the replicates."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from simulated_weights import asked, frame_of, linearised

from shopkeeper.analysis.weights.wave import Array
from shopkeeper.demo.organisation import BRANCHES
from shopkeeper.demo.population import SEGMENTS

FEWEST = 10  # answers of a cell with a published score
DAYS, WEEKS = 28, 4


class Proof:
    """What companies say of one kind of cell: one entry per cell of a company."""

    def __init__(self) -> None:
        self.linearised: list[bool] = []
        self.replicated: list[bool] = []
        self.errors: list[float] = []
        self.half_widths: list[float] = []
        self.times_as_wide: list[float] = []
        self.answers: list[int] = []
        self.by_cell: dict[int, list[bool]] = defaultdict(list)

    @property
    def covered(self) -> float:
        return float(np.mean(self.linearised))

    @property
    def width(self) -> float:
        """Half-width over what a perfect interval would have, both as roots of mean squares: cells are of very different sizes."""
        return float(np.sqrt(np.mean(np.square(self.half_widths)) / np.mean(np.square(self.errors))) / 1.96)

    @property
    def worst(self) -> tuple[int, int]:
        """Of the cells that every company has, how often the one that is covered least is, and of how many."""
        most = max(map(len, self.by_cell.values()))
        return min(sum(each) for each in self.by_cell.values() if len(each) == most), most

    def __repr__(self) -> str:
        worst, of = self.worst
        return (
            f"{np.mean(self.answers):.0f} answers, covered {100 * self.covered:.1f} % (replicates {100 * np.mean(self.replicated):.1f} %), "
            f"least {worst} of {of}, width {self.width:.3f}, {np.median(self.times_as_wide):.3f} times the replicates"
        )


def run(seeds: range, customers: int = 20_000) -> dict[str, Proof]:
    proofs: dict[str, Proof] = defaultdict(Proof)
    for seed in seeds:
        config, frame = frame_of(seed, customers)
        one = asked(config, frame, "ignorable")
        weighting = one.weighing()
        assert weighting.is_converged
        # the day on which somebody answers, or would: chance, most of them soon
        day = np.minimum(config.stream("days of answers").exponential(7, len(frame)).astype(int), DAYS - 1)
        weight = weighting.weights[one.cell[one.answered], 0]
        kinds: dict[str, tuple[Array, int]] = {
            "whole": (np.zeros(len(frame), int), 1),
            "segment": (frame.segment, len(SEGMENTS)),
            "branch": (one.branch, BRANCHES),
            "week": (day // 7, WEEKS),
            "day": (day, DAYS),
        }
        for name, (by, cells) in kinds.items():
            truth = 100 * np.bincount(by, one.band - 1.0, cells) / np.bincount(by, minlength=cells)
            score, low, high = linearised(weight, one.band[one.answered], frame.customer[one.answered], by[one.answered], cells)
            replicated = one.score(weighting, by, cells)
            proof = proofs[name]
            for cell in np.flatnonzero(replicated.answers >= FEWEST):
                holds = bool(low[cell] <= truth[cell] <= high[cell])
                proof.linearised.append(holds)
                proof.by_cell[int(cell)].append(holds)
                proof.replicated.append(bool(replicated.low[cell] <= truth[cell] <= replicated.high[cell]))
                proof.errors.append(score[cell] - truth[cell])
                proof.half_widths.append((high[cell] - low[cell]) / 2)
                proof.times_as_wide.append((high[cell] - low[cell]) / (replicated.high[cell] - replicated.low[cell]))
                proof.answers.append(int(replicated.answers[cell]))
    return dict(proofs)


def show(proofs: dict[str, Proof]) -> None:
    for name, proof in proofs.items():
        print(name, proof)


@pytest.mark.slow
def test_cells_of_twenty_companies_hold_the_truth() -> None:
    # A branch would be praised or blamed for what is luck in who answered.
    proofs = run(range(20), customers=8_000)
    show(proofs)
    for name in ("segment", "branch", "week", "day"):
        assert proofs[name].covered >= 0.91, name
        assert 0.8 <= proofs[name].width <= 1.4, name
    # few companies tell too narrow from unlucky by the replicates, which know the same answers
    for name, least in {"segment": 0.95, "branch": 0.87, "week": 0.93, "day": 0.87}.items():
        assert least <= np.median(proofs[name].times_as_wide) <= 1.1, name


@pytest.mark.long
def test_cells_of_two_hundred_companies_hold_the_truth() -> None:
    # What is right by luck in twenty would be found out here; 182 of 200 is what a procedure passes that covers 95 %.
    proofs = run(range(200))
    show(proofs)
    for name in ("segment", "branch", "week", "day"):
        worst, of = proofs[name].worst
        assert of == 200, name
        assert worst >= 0.91 * of, name
        assert proofs[name].covered >= 0.94, name
        assert 0.9 <= proofs[name].width <= 1.2, name
