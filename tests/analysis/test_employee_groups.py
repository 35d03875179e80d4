"""What may be shown of employees' answers: whoever adds and subtracts all of it finds no group that is too small."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.analysis.employees import FEWEST_ANSWERS, Bands, hides_a_writer, shown, tells_nobody


@st.composite
def companies(draw: st.DrawFn) -> tuple[dict[str, str | None], dict[str, Bands]]:
    """Parents, and the answers that each unit has of its own; unit 0 is everybody."""
    count = draw(st.integers(1, 8))
    parents = {f"U{unit}": f"U{draw(st.integers(max(0, unit - 3), unit - 1))}" if unit else None for unit in range(count)}
    own = st.sampled_from([(0, 0, 0), (1, 0, 1), (1, 2, 2), (0, 0, 6), (4, 3, 1)])
    return parents, {unit: draw(own) for unit in parents}


def added_up(parents: dict[str, str | None], own: dict[str, Bands]) -> dict[str, Bands]:
    totals = {unit: np.zeros(3, int) for unit in parents}
    for unit in parents:
        above: str | None = unit
        while above is not None:
            totals[above] += own[unit]
            above = parents[above]
    return {unit: (int(sums[0]), int(sums[1]), int(sums[2])) for unit, sums in totals.items()}


def is_under(parents: dict[str, str | None], unit: str, above: str) -> bool:
    step: str | None = unit
    while step is not None and step != above:
        step = parents[step]
    return step is not None


@settings(max_examples=150, deadline=None)
@given(companies())
def test_no_small_group_can_be_found_by_adding_and_subtracting(company: tuple[dict[str, str | None], dict[str, Bands]]) -> None:
    # A team of three whose branch and sister teams are published is published too, to anybody who can subtract; and where all five of a
    # team are detractors, each of them is known to be one.
    parents, own = company
    may = shown(parents, added_up(parents, own), tells_nobody)
    answering = [unit for unit in parents if sum(own[unit])]
    if not may:
        assert not tells_nobody(added_up(parents, own)["U0"]) or not answering
        return
    known = np.array([[is_under(parents, unit, cell) for unit in answering] for cell in sorted(may)], float)
    rank = np.linalg.matrix_rank(known)
    for size in range(1, len(answering) + 1):
        for group in combinations(answering, size):
            wanted = np.array([unit in group for unit in answering], float)
            if np.linalg.matrix_rank(np.vstack([known, wanted])) == rank:
                counts = np.sum([own[unit] for unit in group], axis=0)
                assert counts.sum() >= FEWEST_ANSWERS, (group, sorted(may))
                assert counts.max() < counts.sum(), (group, sorted(may))


def test_a_small_team_takes_its_smallest_sister_with_it_and_no_other() -> None:
    # Hiding more than it takes makes the survey useless; hiding less makes it dangerous.
    parents = {"": None, "HQ": "", "A": "HQ", "B": "HQ", "C": "HQ"}
    answers = {"A": (2, 1, 0), "B": (3, 1, 2), "C": (4, 2, 5), "HQ": (9, 4, 7), "": (9, 4, 7)}
    assert shown(parents, answers, tells_nobody) == {"", "HQ", "C"}
    assert shown(parents, answers | {"A": (3, 1, 1), "HQ": (10, 4, 8), "": (10, 4, 8)}, tells_nobody) == {"", "HQ", "A", "B", "C"}
    assert shown(parents, answers, hides_a_writer) == {"", "HQ", "C"}, "words need eight: of three and six together nine"
    assert shown(parents, dict.fromkeys(parents, (6, 0, 0)), tells_nobody) == set(), "six of six: everybody's answer is known"
    with pytest.raises(ValueError, match="circle"):
        shown({"A": "B", "B": "A"}, {"A": (1, 1, 1), "B": (1, 1, 1)}, tells_nobody)
