"""Scores of units drawn together: published numbers, properties, and whether the intervals hold what they promise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from shopkeeper.analysis.units.shrinkage import MARKS, PRIOR_POWER, STRENGTHS, Array, beliefs, log_likelihood, shrink

BRANCHES = np.array([(5, 5, 10), (12, 20, 48), (30, 60, 110), (2, 1, 1), (60, 90, 100), (1, 4, 15), (25, 25, 50), (0, 2, 6)])
CENTRE = np.array([0.19, 0.29, 0.52])


def likeliest(counts: Array) -> Array:
    """The likeliest α: shares of the centre times the strength, which is cut off at e¹⁰."""

    def loss(logs: Array) -> float:
        alpha = np.exp(np.minimum(logs, 10))
        return -float(log_likelihood(counts, np.array([alpha.sum()]), (alpha / alpha.sum())[None])[0])

    found = minimize(loss, np.log(20 * (counts.sum(axis=0) + 1) / (counts.sum() + 3)), method="BFGS", options={"gtol": 1e-8})
    return np.exp(np.minimum(found.x, 10))


def plugged_in(counts: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each unit's score as if the likeliest α were the truth."""
    alpha = likeliest(counts)
    belief = beliefs(counts, np.array([alpha.sum()]), (alpha / alpha.sum())[None], np.array([1.0]))
    return belief.mean[0], np.sqrt(belief.variance[0])


def test_the_published_branches() -> None:
    # Dirichlet-multinomial empirical Bayes: 4 answers of -25 points and 8 of 75 say little about their branches.
    alpha = likeliest(BRANCHES)
    assert alpha == pytest.approx([18.5428, 27.8505, 50.1402], abs=2e-3)
    assert alpha.sum() == pytest.approx(96.5335, abs=5e-3)
    assert alpha @ MARKS / alpha.sum() == pytest.approx(0.327321, abs=1e-5)
    mean, _ = plugged_in(BRANCHES)
    assert mean[[3, 7]] == pytest.approx([0.3044, 0.3597], abs=1e-4)


def test_what_is_published_of_these_branches_has_more_doubt() -> None:
    shrunk = shrink(BRANCHES)
    assert shrunk is not None
    mean, error = plugged_in(BRANCHES)
    assert (shrunk.high - shrunk.low > 2 * 1.96 * error).all()
    assert np.abs(shrunk.score - mean).max() < 0.05
    assert shrunk.in_top_quartile.argmax() == 5, "15 of 20 are promoters, and one a detractor"
    assert shrunk.in_top_quartile.max() < 0.7, "but 20 answers are no proof"


counts = st.lists(st.tuples(*[st.integers(0, 400)] * 3).filter(any), min_size=8, max_size=30).map(np.array)


@settings(max_examples=40, deadline=None)
@given(counts)
def test_a_shrunk_score_lies_between_the_units_own_and_the_others(counts: Array) -> None:
    # A score drawn beyond its own answers, or away from the others, would be an invention.
    shrunk = shrink(counts)
    assert shrunk is not None
    own = counts @ MARKS / counts.sum(axis=1)
    lowest, highest = min(own.min(), 0), max(own.max(), 0)  # a few answers around 0 are added to the centre
    assert ((shrunk.score >= lowest - 1e-9) & (shrunk.score <= highest + 1e-9)).all()
    assert ((shrunk.low < shrunk.score) & (shrunk.score < shrunk.high)).all()
    assert (shrunk.low >= -1).all()
    assert (shrunk.high <= 1).all()
    assert shrunk.in_top_quartile.sum() == pytest.approx(len(counts) // 4)
    turned = shrink(counts[::-1])
    assert turned is not None
    assert turned.score[::-1] == pytest.approx(shrunk.score), "units are alike before they answer, in whatever order they come"
    again = shrink(counts)
    assert again is not None
    assert (again.in_top_quartile == shrunk.in_top_quartile).all(), "the same build must give the same bytes"


def test_a_belief_is_that_of_the_dirichlet_distribution() -> None:
    alpha = np.array([2.0, 3.0, 5.0])
    belief = beliefs(BRANCHES[[3]], np.array([10.0]), (alpha / 10)[None], np.array([1.0]))
    drawn = np.random.default_rng(1).dirichlet(alpha + BRANCHES[3], 200_000) @ MARKS
    assert belief.mean[0, 0] == pytest.approx(drawn.mean(), abs=2e-3)
    assert belief.variance[0, 0] == pytest.approx(drawn.var(), rel=0.02)


def test_the_grid_agrees_with_drawing_strength_and_centre_together() -> None:
    # The centre is integrated out around its estimate, and an interval is taken for symmetric: this needs neither.
    random = np.random.default_rng(1)
    strengths = np.exp(random.uniform(np.log(2), np.log(5000), 40_000))
    near = 60 * (BRANCHES.sum(axis=0) + 1) / (BRANCHES.sum() + 3)
    centres = random.dirichlet(near, len(strengths))
    prior = np.log(strengths) - PRIOR_POWER * np.log1p(strengths) + np.log(centres) @ (np.array([0.75, 1.5, 0.75]) - near)
    logs = log_likelihood(BRANCHES, strengths, centres) + prior
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    belief = beliefs(BRANCHES, strengths, centres, np.ones(len(strengths)))
    score = weights @ belief.mean
    error = np.sqrt(weights @ (belief.variance + (belief.mean - score) ** 2))
    shrunk = shrink(BRANCHES)
    assert shrunk is not None
    assert shrunk.score == pytest.approx(score, abs=0.006)
    assert (shrunk.high - shrunk.low) / 2 / 1.96 == pytest.approx(error, rel=0.03)


def test_few_answers_are_drawn_further_than_many() -> None:
    shrunk = shrink(np.vstack([BRANCHES, BRANCHES[5] * 10]))
    assert shrunk is not None
    few, many = shrunk.score[[5, 8]]
    assert few < many < 0.7


def test_seven_units_say_nothing() -> None:
    assert shrink(BRANCHES[:7]) is None
    with pytest.raises(ValueError, match="each unit with answers"):
        shrink(np.vstack([BRANCHES, np.zeros(3)]))


@dataclass
class Proof:
    """What came of simulated groups of units: whether each interval held the truth, and the chances of the best quarter."""

    held: list[bool] = field(default_factory=list)
    plugged_in_held: list[bool] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    was_best: list[bool] = field(default_factory=list)

    def of_chances(self, low: float, high: float) -> tuple[float, float]:
        """Mean chance between two, and how often it came true."""
        chances, was_best = np.array(self.chances), np.array(self.was_best)
        chosen = (chances >= low) & (chances < high)
        return float(chances[chosen].mean()), float(was_best[chosen].mean())


def simulated(seeds: range, *, units: int = 8, strength: float | None = None, sizes: tuple[int, int] = (10, 100)) -> Proof:
    """Groups of units as alike as `strength` says, or as the prior draws it; sizes are even on a log scale."""
    prior = STRENGTHS * (1 + STRENGTHS) ** -PRIOR_POWER
    proof = Proof()
    for seed in seeds:
        random = np.random.default_rng(seed)
        shares = random.dirichlet((strength or random.choice(STRENGTHS, p=prior / prior.sum())) * CENTRE, units)
        answers = np.rint(np.exp(random.uniform(*np.log(sizes), units))).astype(int)
        made = np.array([random.multinomial(n, share) for n, share in zip(answers, shares, strict=True)])
        truth = shares @ MARKS
        shrunk = shrink(made)
        assert shrunk is not None
        mean, error = plugged_in(made)
        proof.held += list((shrunk.low <= truth) & (truth <= shrunk.high))
        proof.plugged_in_held += list(np.abs(truth - mean) <= 1.96 * error)
        proof.chances += list(shrunk.in_top_quartile)
        proof.was_best += list(truth >= np.sort(truth)[-(units // 4)])
    return proof


def test_intervals_hold_the_truth_and_those_that_know_too_much_do_not() -> None:
    # The small version of the proof below: 160 intervals.
    proof = simulated(range(20), strength=200)
    assert np.mean(proof.held) >= 0.91
    assert np.mean(proof.plugged_in_held) <= 0.62


@pytest.mark.long
@pytest.mark.parametrize("strength", [20, 50, 100, 200, 400])
def test_intervals_of_eight_units_hold_the_truth(strength: float) -> None:
    # Eight branches, 10 to 100 answers each. An interval that holds half of what it promises has a manager praised for luck.
    proof = simulated(range(1000, 1300), strength=strength)
    assert 0.91 <= np.mean(proof.held) <= 0.99
    if strength >= 100:
        assert 0.37 <= np.mean(proof.plugged_in_held) <= 0.58


@pytest.mark.long
@pytest.mark.parametrize(("units", "sizes"), [(24, (20, 400)), (72, (10, 100))])
def test_intervals_of_many_units_hold_the_truth(units: int, sizes: tuple[int, int]) -> None:
    # Units of one group share one doubtful strength, so it takes many groups to see 95 % or a little less.
    assert 0.91 <= np.mean(simulated(range(200), units=units, strength=100, sizes=sizes).held) <= 0.975


@pytest.mark.long
def test_what_is_said_to_be_likely_comes_true_as_often() -> None:
    # "Probably among the best" must be right as often as it says, or it is a rank in disguise.
    proof = simulated(range(400), units=12)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.8), (0.8, 1.01)):
        promised, came_true = proof.of_chances(low, high)
        assert came_true == pytest.approx(promised, abs=0.06)
