"""Respondents against the frame: published figures, and what the estimates do over many waves whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.analysis import representativeness as rep

FRAME = np.array([400, 300, 200, 100])
CHANCES = np.array([0.10, 0.15, 0.25, 0.40])


def test_published_indicator_and_partials() -> None:
    # Who reads R = .81 must know that another tool gives the same for the same customers.
    mean = float(FRAME @ CHANCES / FRAME.sum())
    assert mean == pytest.approx(0.175)
    assert rep.r_indicator(FRAME, CHANCES) == pytest.approx(0.814258, abs=5e-7)
    assert rep.partials(FRAME, CHANCES) == pytest.approx([-0.047434, -0.013693, 0.033541, 0.071151], abs=5e-7)
    spread = (1 - rep.r_indicator(FRAME, CHANCES)) / 2
    assert spread == pytest.approx(0.092871, abs=5e-7)
    assert float((rep.partials(FRAME, CHANCES) ** 2).sum()) == pytest.approx(spread**2)


def test_published_difference_of_two_samples() -> None:
    gap = rep.late_against_early((12, 7, 12), (8, 13, 15))
    assert (gap.z, gap.p) == (pytest.approx(0.928844, abs=5e-7), pytest.approx(0.352970, abs=5e-7))
    assert (gap.early, gap.late, gap.gap) == (0, pytest.approx(7 / 36), pytest.approx(7 / 36))
    back = rep.late_against_early((8, 13, 15), (12, 7, 12))
    assert (back.z, back.p) == (-gap.z, gap.p)


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0.01, 1), st.floats(-1, 1)), min_size=2, max_size=8))
def test_no_score_that_goes_with_the_variables_is_wrong_by_more_than_the_bound(rows: list[tuple[int, float, float]]) -> None:
    # The bound is what an auditor is told at the most; scores by category of any kind must keep inside it.
    frame, chances, scores = (np.array(column) for column in zip(*rows, strict=True))
    share = frame / frame.sum()
    mean = float(share @ chances)
    bias = float(share @ (chances * scores)) / mean - float(share @ scores)
    spread = (1 - rep.r_indicator(frame, chances)) / 2
    spread_of_scores = float(np.sqrt(share @ (scores - share @ scores) ** 2))
    assert abs(bias) <= rep.bias_bound(spread, spread_of_scores, mean) + 1e-9


def test_what_tells_nothing_gets_no_indicator() -> None:
    # An R of 1 because nobody's segment is known would be trusted.
    known = cells(np.array([0, 1]), np.array([500, 500]), np.array([100, 200]))
    assert rep.indicator(known) is not None
    nobody_told_apart = rep.Cells({"segment": ["a", "a"]}, *(getattr(known, name) for name in ARRAYS))
    assert rep.indicator(nobody_told_apart) is None
    few = cells(np.array([0, 1]), np.array([500, 500]), np.array([5, 4]))
    assert rep.indicator(few) is None
    assert [round(one.frame_share, 2) for one in rep.categories(few)] == [0.5, 0.5]


def test_a_category_in_which_nobody_answers_is_found_and_breaks_nothing() -> None:
    found = rep.indicator(cells(np.arange(3), np.array([400, 300, 300]), np.array([120, 90, 0])))
    assert found is not None
    assert found.r == pytest.approx(rep.r_indicator(np.array([400, 300, 300]), np.array([0.3, 0.3, 0])), abs=0.005)


ARRAYS = ("frame", "invited", "answered", "weight", "weight_squared", "weight_answered")


def cells(place: np.ndarray, invited: np.ndarray, answered: np.ndarray, weight: float = 1.0) -> rep.Cells:
    labels = [f"c{number:02}" for number in place]
    return rep.Cells({"segment": labels}, weight * invited, invited, answered, weight * invited, weight**2 * invited, weight * answered)


@dataclass(frozen=True)
class Simulated:
    """Waves of a frame of 3 segments × 4 tenures × 3 spends, of which some are drawn more often than others."""

    slope: float  # of the chance of answering, over segment and tenure; 0 is purely random answering
    draws: int = 3000

    def truth(self) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str, str]]]:
        labels = [(f"s{i}", f"t{j}", f"v{k}") for i in range(3) for j in range(4) for k in range(3)]
        frame = np.array([1000 // (1 + i + j + k) for i in range(3) for j in range(4) for k in range(3)])
        score = np.array([-0.9 + self.slope * (i - j / 2) for i in range(3) for j in range(4) for _ in range(3)])
        return frame, 1 / (1 + np.exp(-score)), labels

    def wave(self, seed: int) -> rep.Cells:
        random = np.random.default_rng(seed)
        frame, chances, labels = self.truth()
        segment = np.array([int(label[0][1]) for label in labels])
        pi = np.array([0.15, 0.3, 0.6])[segment] * self.draws / 3000  # of a disproportional draw
        invited = random.binomial(frame, pi)
        answered = random.binomial(invited, chances)
        weight = 1 / pi
        names = {name: [label[place] for label in labels] for place, name in enumerate(("segment", "tenure", "spend"))}
        return rep.Cells(names, frame, invited, answered, weight * invited, weight**2 * invited, weight * answered)


def covered(simulated: Simulated, seeds: range) -> tuple[int, float, float]:
    """In how many waves the interval holds the true R; mean R, and mean uncorrected R, less the truth."""
    frame, chances, _ = simulated.truth()
    truth = rep.r_indicator(frame, chances)
    found = [rep.indicator(simulated.wave(seed)) for seed in seeds]
    hits = sum(one is not None and one.low <= truth <= one.high for one in found)
    mean = float(np.mean([one.r for one in found if one]))
    uncorrected = float(np.mean([one.r_uncorrected for one in found if one]))
    return hits, mean - truth, uncorrected - truth


@pytest.mark.parametrize("slope", [0.0, 0.15, 0.6])
def test_the_interval_holds_the_true_indicator(slope: float) -> None:
    hits, error, uncorrected_error = covered(Simulated(slope), range(20))
    assert hits >= 17
    assert abs(error) < 0.06
    assert uncorrected_error < error


@pytest.mark.long
@pytest.mark.parametrize("slope", [0.0, 0.1, 0.3, 0.8])
def test_the_interval_holds_the_true_indicator_in_200_waves(slope: float) -> None:
    hits, _, _ = covered(Simulated(slope), range(200))
    assert hits >= 182


def test_purely_random_answering_is_not_called_unrepresentative() -> None:
    """500 asked of nine groups alike: without correction chance alone gives an R of about .906."""
    random = np.random.default_rng(3)
    invited = random.multinomial(500, np.full(9, 1 / 9), size=200)
    found = [rep.indicator(cells(np.arange(9), asked, random.binomial(asked, 0.175))) for asked in invited]
    assert np.mean([one.r_uncorrected for one in found if one]) == pytest.approx(0.906, abs=0.005)
    assert np.mean([one.r for one in found if one]) > 0.955
    assert sum(one.high == 1 for one in found if one) >= 190


def test_a_draw_that_favours_a_segment_is_no_willingness() -> None:
    # A segment asked four times as often gives four times the answers; that is the design's doing, and weights say so.
    frame, invited = np.array([1000, 1000]), np.array([800, 200])
    weight = frame / invited
    answered = np.array([240, 60])
    wave = rep.Cells({"segment": ["often", "seldom"]}, frame, invited, answered, weight * invited, weight**2 * invited, weight * answered)
    assert [round(one.respondent_share, 6) for one in rep.categories(wave)] == [0.5, 0.5]
    assert [one.partial for one in rep.categories(wave)] == pytest.approx([0, 0])
    found = rep.indicator(wave)
    assert found is not None
    assert found.r_uncorrected == pytest.approx(1, abs=1e-4)
