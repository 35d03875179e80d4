"""Adjusted comparisons against published numbers, against planted truth, and against data that cannot tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import statsmodels
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_study import planted

from shopkeeper.analysis.effects import comparison, models
from shopkeeper.analysis.effects.covariates import columns
from shopkeeper.analysis.effects.publication import USABLE, Judged, Study, judge


@pytest.fixture(scope="module")
def births() -> pd.DataFrame:
    """Birth weights by smoking of the mother (Cattaneo 2010)."""
    return pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv")


def _known(births: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    treatment = births[["mmarried_", "mage", "mage2", "fbaby_", "medu"]].to_numpy(float)
    return treatment, births[["prenatal1_", "mmarried_", "mage", "fbaby_"]].to_numpy(float)


def test_two_arms_give_the_published_effect(births: pd.DataFrame) -> None:
    # An estimator that misses textbook numbers would put a wrong price on every customer.
    scores = comparison.parametric(
        *_known(births), births.mbsmoke_.to_numpy(), births.bweight.to_numpy(float), chances=models.chances_by_probit
    )
    assert scores.effect(0, 1) == pytest.approx((-230.989, 25.386), abs=6e-4)


def test_three_arms_give_the_published_effects(births: pd.DataFrame) -> None:
    arm = births.msmoke.map({"0 daily": 0, "1-5 daily": 1, "6-10 daily": 1, "11+ daily": 2}).to_numpy()
    assert np.bincount(arm).tolist() == [3778, 537, 327]
    scores = comparison.parametric(*_known(births), arm, births.bweight.to_numpy(float))
    assert scores.effect(0, 1) == pytest.approx((-224.885, 31.469), abs=6e-4)
    assert scores.effect(0, 2) == pytest.approx((-233.513, 32.676), abs=6e-4)
    assert scores.effect(1, 2) == pytest.approx((-8.629, 43.306), abs=6e-4)


def test_e_values_are_the_published_ones() -> None:
    assert comparison.e_value(1.3) == pytest.approx(1.9245, abs=5e-5)
    assert comparison.e_value(0.9) == pytest.approx(1.4625, abs=5e-5)
    assert comparison.e_value_of_means(np.log(1.3) / 0.91, 1.0) == pytest.approx(1.9245, abs=5e-5)


class Tally:
    """Over seeds: how often published, right, refused; and how often the naive interval held the truth."""

    def __init__(self, seeds: int, overlap: Literal["good", "destroyed"] = "good") -> None:
        self.fewest = 10**9
        self.counts: Counter[tuple[str, str, str]] = Counter()
        for seed in range(seeds):
            drawn = planted(seed, overlap)
            self.fewest = min(self.fewest, len(drawn.study.arm))
            for effect in drawn.judged.effects:
                pair, truth = (effect.from_arm, effect.to_arm), drawn.truth(effect)
                if effect.effect is not None:
                    self.counts[*pair, "published"] += 1
                    self.counts[*pair, "covered"] += effect.effect[1] <= truth <= effect.effect[2]
                assert effect.naive is not None
                self.counts[*pair, "naive covered"] += effect.naive[1] <= truth <= effect.naive[2]

    def of(self, what: str) -> dict[tuple[str, str], int]:
        pairs = (("detractor", "passive"), ("detractor", "promoter"), ("passive", "promoter"))
        return {pair: self.counts[*pair, what] for pair in pairs}


def test_the_planted_value_of_a_band_is_found_where_the_naive_comparison_misses_it() -> None:
    # Promoters are customers of long standing who pay more anyway: who compares bands naively buys promoters for twice their worth.
    tally = Tally(4)
    assert tally.fewest >= 2500
    assert min(tally.of("published").values()) >= 3
    assert all(covered >= tally.of("published")[pair] - 1 for pair, covered in tally.of("covered").items())
    assert max(tally.of("naive covered").values()) <= 1


def test_nothing_is_published_where_nobody_could_have_been_in_another_band() -> None:
    assert sum(Tally(1, "destroyed").of("published").values()) == 0


@pytest.mark.long
def test_two_hundred_companies() -> None:
    # A procedure that is right by luck on a few companies would be found out here.
    tally = Tally(200)
    print({what: tally.of(what) for what in ("published", "covered", "naive covered")}, tally.fewest)
    published = tally.of("published")
    assert tally.fewest >= 2500
    assert min(published.values()) >= 180
    assert all(covered >= 0.91 * published[pair] for pair, covered in tally.of("covered").items())
    assert max(tally.of("naive covered").values()) <= 20


@pytest.mark.long
def test_two_hundred_companies_without_overlap() -> None:
    tally = Tally(200, "destroyed")
    print(tally.of("published"))
    assert max(tally.of("published").values()) <= 10


# --- data that cannot tell -------------------------------------------------------------------------------------------


def _study(count: int, *, seed: int = 0, tilt: float = 0.5, leak: float = 0.0) -> Study:
    """Three arms tilted by one covariate; the outcome rises by 10 an arm. `leak` moves the time before by the arm, which no cause can."""
    random = np.random.default_rng(seed)
    known = random.normal(size=count)
    arm = random.multinomial(1, [1 / 3] * 3, count).argmax(axis=1) if count else np.zeros(0, int)
    if count:
        luck = tilt * known[:, None] * np.arange(3) + random.gumbel(size=(count, 3))
        arm = luck.argmax(axis=1)
    outcome = 10.0 * arm + 20 * known + random.normal(0, 10, count)
    before = 20 * known + leak * arm + random.normal(0, 10, count)
    covariates = columns({"segment": np.full(count, "a", object)}, {"known": known}, curved=["known"])
    return Study(("low", "middle", "high"), covariates, before, arm, outcome, np.ones(count))


def _verdicts(judged: Judged) -> str:
    return "; ".join(effect.verdict for effect in judged.effects)


def test_each_rule_refuses_what_it_is_there_for() -> None:
    # A figure that ought not to stand would be believed all the same: it has an interval, and it is in the report.
    assert {effect.verdict for effect in judge(_study(3000)).effects} == {USABLE}
    assert "too few customers" in _verdicts(judge(_study(200)))
    assert "no overlap" in _verdicts(judge(_study(3000, tilt=4)))
    assert "effect on the time before" in _verdicts(judge(_study(3000, leak=6)))
    uneven = _study(3000)
    uneven = replace(uneven, weight=np.where(uneven.arm == 1, np.random.default_rng(1).pareto(1, 3000) + 0.001, 1.0))
    assert "effective number of middle" in _verdicts(judge(uneven))


def test_arms_that_weighting_leaves_unlike_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """With chances that know nothing of the covariate, nothing is balanced."""

    def blind(design: np.ndarray, arm: np.ndarray, arms: int, fitted_on: np.ndarray) -> np.ndarray:
        return np.full((len(arm), arms), 1 / arms)

    monkeypatch.setattr(models, "chances_by_logit", blind)
    assert "not alike: " in _verdicts(judge(_study(3000)))


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 400), seed=st.integers(0, 1000), is_constant=st.booleans(), arms_held=st.integers(1, 3))
def test_whatever_the_data_a_refusal_says_why_and_nothing_breaks(count: int, seed: int, is_constant: bool, arms_held: int) -> None:
    study = _study(count, seed=seed)
    twice = np.column_stack([study.covariates.values, study.covariates.values])  # a singular design
    covariates = replace(study.covariates, names=[*study.covariates.names] * 2, values=twice)
    outcome = np.zeros(count) if is_constant else study.outcome
    judged = judge(replace(study, covariates=covariates, outcome=outcome, arm=study.arm % arms_held))
    for effect in judged.effects:
        assert (effect.effect is None) == (effect.verdict != USABLE)
        assert effect.rows == count
        if effect.effect is not None:
            assert effect.effect[1] <= effect.effect[0] <= effect.effect[2]


def test_the_same_rows_give_the_same_figures() -> None:
    # A figure that changes when nothing has changed is one that nobody believes twice.
    assert judge(_study(900)).effects[0].effect == judge(_study(900)).effects[0].effect


def test_those_who_answered_stand_for_all_who_were_asked() -> None:
    random = np.random.default_rng(3)
    known = random.normal(size=(20_000, 1))
    answered = random.random(20_000) < 1 / (1 + np.exp(1 - known[:, 0]))
    weights = models.answering_weights(known, answered)
    assert abs(known[answered].mean()) > 0.3
    assert np.average(known[answered, 0], weights=weights) == pytest.approx(known.mean(), abs=0.05)
