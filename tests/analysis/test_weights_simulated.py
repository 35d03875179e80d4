"""Do weighted scores find the truth? Waves in which unhappy customers answer less, for reasons that weights can repair or cannot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from simulated_weights import CROSSED, MAIN, Asked, asked, covers, frame_of

from shopkeeper.analysis.weights.sensitivity import BandedWave, band, score_given
from shopkeeper.analysis.weights.two_phase import follow_up
from shopkeeper.demo.attitude import ANSWER_BAND
from shopkeeper.demo.organisation import BRANCHES

CALLED = 400


@dataclass
class Tally:
    """Of one way of scoring, over seeds."""

    errors: list[float] = field(default_factory=list)
    half_widths: list[float] = field(default_factory=list)
    covered: int = 0

    def add(self, nps: float, low: float, high: float, truth: float) -> None:
        self.errors.append(nps - truth)
        self.half_widths.append((high - low) / 2)
        self.covered += low <= truth <= high

    @property
    def width(self) -> float:
        """Mean half-width over what a perfect interval would have."""
        return float(np.mean(self.half_widths) / (1.96 * np.std(self.errors, ddof=1)))

    def __repr__(self) -> str:
        return f"covered {self.covered} of {len(self.errors)}, error {np.mean(self.errors):.2f}, width {self.width:.3f}"


@dataclass
class Proof:
    """What two hundred companies say."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    branches_covered: list[float] = field(default_factory=list)
    fewest: int = 10**9

    def tally(self, name: str, nps: float, low: float, high: float, truth: float) -> None:
        self.tallies.setdefault(name, Tally()).add(nps, low, high, truth)

    def score(self, name: str, one: Asked, margins: tuple[tuple[str, ...], ...] | None) -> None:
        weighting = None if margins is None else one.weighing(margins)
        scores = one.score(weighting)
        self.tally(name, float(scores.nps[0]), float(scores.low[0]), float(scores.high[0]), one.truth)
        if weighting is not None:
            assert weighting.is_converged
            self.warned[name] = self.warned.get(name, 0) + weighting.crossings_differ
            self.fewest = min(self.fewest, weighting.answers)


def run(seeds: range) -> Proof:
    proof = Proof()
    for seed in seeds:
        config, frame = frame_of(seed)
        ignorable, interaction, by_score = (asked(config, frame, mode) for mode in ("ignorable", "interaction", "score"))
        proof.score("ignorable, raw", ignorable, None)
        proof.score("ignorable, raked", ignorable, MAIN)
        proof.score("interaction, main margins", interaction, MAIN)
        proof.score("interaction, crossed cells", interaction, CROSSED)
        proof.score("score, raked", by_score, MAIN)
        branches = ignorable.score(ignorable.weighing(), by=ignorable.branch, cells=BRANCHES)
        marks = np.bincount(ignorable.branch, ignorable.band - 1.0, BRANCHES) / np.bincount(ignorable.branch, minlength=BRANCHES)
        proof.branches_covered.append(float(covers(branches, 100 * marks).mean()))
        one = [BandedWave(by_score.wave, by_score.answers)]
        given = score_given(one, MAIN, 5.0, (ANSWER_BAND[0], ANSWER_BAND[1], ANSWER_BAND[2]))
        assert given is not None
        proof.tally("score, planted rates given", given.nps, given.low, given.high, by_score.truth)
        supposed = band(one, MAIN)
        assert supposed is not None
        proof.tally(
            "score, sensitivity band",
            (supposed.at_low.nps + supposed.at_high.nps) / 2,
            supposed.at_low.low,
            supposed.at_high.high,
            by_score.truth,
        )
        silent = np.flatnonzero(by_score.drawn & ~by_score.answered)
        called = config.stream("phone").choice(silent, CALLED, replace=False)
        heard, told = (np.bincount(by_score.band[who], minlength=3) for who in (by_score.answered, called))
        phoned = follow_up(heard, len(silent), told)
        proof.tally("score, phone follow-up", phoned.nps, phoned.low, phoned.high, by_score.truth)
    return proof


@pytest.fixture(scope="module")
def few() -> Proof:
    return run(range(4))


def test_weights_find_the_truth_that_raw_scores_miss(few: Proof) -> None:
    # Unhappy customers answer less: a raw score is too high by so much that its interval does not hold the truth.
    assert few.tallies["ignorable, raw"].covered == 0
    assert np.mean(few.tallies["ignorable, raw"].errors) > 4
    assert few.tallies["ignorable, raked"].covered >= 3
    assert few.tallies["interaction, crossed cells"].covered >= 3
    assert np.mean(few.branches_covered) > 0.9


def test_main_margins_that_are_not_enough_are_found_out(few: Proof) -> None:
    assert few.warned["interaction, main margins"] >= 3
    assert few.warned["interaction, crossed cells"] == 0
    assert few.warned["ignorable, raked"] == 0


def test_answering_by_score_is_not_weighted_away_but_bounded(few: Proof) -> None:
    assert few.tallies["score, raked"].covered == 0
    assert few.tallies["score, planted rates given"].covered >= 3
    assert few.tallies["score, sensitivity band"].covered == 4
    assert few.tallies["score, phone follow-up"].covered >= 3


@pytest.mark.long
def test_two_hundred_waves() -> None:
    # A procedure that is right by luck on a few companies would be found out here.
    proof = run(range(200))
    for name, tally in proof.tallies.items():
        print(name, tally, "warned", proof.warned.get(name))
    print("branches covered", np.mean(proof.branches_covered), "fewest answers", proof.fewest)
    for name in ("ignorable, raked", "interaction, crossed cells"):
        assert proof.tallies[name].covered >= 182
        assert proof.tallies[name].width <= 1.25
        assert proof.warned[name] <= 10
    assert proof.tallies["ignorable, raw"].covered <= 20
    assert proof.warned["interaction, main margins"] >= 180
    assert proof.tallies["score, raked"].covered <= 20
    assert proof.tallies["score, planted rates given"].covered >= 182
    assert proof.tallies["score, phone follow-up"].covered >= 182
    assert np.mean(proof.branches_covered) >= 0.92
