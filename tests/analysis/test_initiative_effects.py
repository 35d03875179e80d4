"""What came of an initiative: a success that never was would be copied everywhere, one that is overlooked would be dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.analysis.initiatives.effect import (
    NOTHING_TO_COMPARE,
    TOO_FEW_TREATED,
    TRENDS_DIFFERED,
    USABLE,
    Finding,
    between_units,
    contrast,
    find,
)

PASSIVES = 0.3
KINDS: dict[str, dict[str, Any]] = {
    "branches": {},
    "two of few small teams": {"units": 12, "treated": 2, "answers": (15, 40)},
    "units that change by themselves": {"sd_change": 0.1},
    "large and small together": {"sd_change": 0.05, "answers": (15, 300)},
    "many small teams": {"units": 120, "treated": 20, "answers": (15, 40)},
}


def company(
    seed: int,
    effect: float = 0.0,
    *,
    units: int = 24,
    treated: int = 4,
    answers: tuple[int, int] = (60, 140),
    sd_change: float = 0.03,
    drift: float = 0.0,
) -> tuple[Any, Any]:
    """Counts and who was treated: units differ, all of them have their seasons, and each changes by itself from before to after.

    `effect` on the scale -1 to 1; `drift` is what the treated gain already within the time before.
    """
    random = np.random.default_rng([seed, 11])
    level, season = random.normal(0.2, 0.06, units), random.normal(0, 0.05, 3)
    change, size = random.normal(0, sd_change, units), random.integers(*answers, size=(units, 3))
    done = np.zeros(units, bool)
    done[random.choice(units, treated, replace=False)] = True
    counts = np.zeros((units, 3, 3), int)
    for window in range(3):
        score = level + season[window] + (change + effect * done) * (window == 2) + drift * done * (window >= 1)
        score = np.clip(score, PASSIVES - 0.98, 0.98 - PASSIVES)  # shares stay shares
        shares = np.column_stack([(1 - PASSIVES - score) / 2, np.full(units, PASSIVES), (1 - PASSIVES + score) / 2])
        counts[:, window] = [random.multinomial(n, share) for n, share in zip(size[:, window], shares, strict=True)]
    return counts, done


def _find(counts: Any, done: Any, measure: str = "nps") -> Finding:
    return find(counts, done, measure=measure, fewest=10, seed=1)


# Where units do not differ beyond sampling this is weighted least squares, which others have written down before us.
def test_without_differences_between_units_it_is_weighted_least_squares() -> None:
    random = np.random.default_rng(5)
    variance = random.uniform(0.01, 0.05, 20)
    change, done = random.normal(0, np.sqrt(variance) / 3), np.arange(20) < 4
    assert between_units(change, variance, done) == 0
    fitted = sm.WLS(change, sm.add_constant(done.astype(float)), weights=1 / variance).fit(cov_type="fixed scale", use_t=True)
    found = contrast(change, variance, done)
    assert found.effect == pytest.approx(fitted.params[1])
    assert (found.low, found.high) == pytest.approx(tuple(fitted.conf_int()[1]))


# A unit without answers must not decide, and which unit comes first in a table says nothing.
@given(st.integers(0, 10_000), st.sampled_from(["nps", "promoters", "detractors"]))
@settings(max_examples=15, deadline=None)
def test_the_order_of_units_says_nothing_and_those_without_answers_neither(seed: int, measure: str) -> None:
    counts, done = company(seed)
    found = _find(counts, done, measure)
    order = np.random.default_rng(seed).permutation(len(done))
    again = _find(np.concatenate([counts[order], np.ones((3, 3, 3), int)]), np.append(done[order], [True, False, False]), measure)
    assert (again.verdict, again.treated, again.comparable) == (found.verdict, found.treated, found.comparable)
    if found.effect is not None:
        assert (again.effect, again.low, again.high) == pytest.approx((found.effect, found.low, found.high))
        assert found.low < found.effect < found.high


def test_promoters_less_detractors_is_the_score() -> None:
    counts, done = company(3, 0.2, answers=(500, 501), sd_change=0.0)
    effects = [_find(counts, done, measure).effect for measure in ("nps", "promoters", "detractors")]
    assert effects[0] == pytest.approx(effects[1] - effects[2], abs=1.0)
    assert effects[0] == pytest.approx(20, abs=6)


# With one branch, or nobody to compare with, whatever happens anyway is taken for the effect.
def test_it_is_refused_with_too_few_units_or_where_they_moved_apart_before() -> None:
    assert _find(*company(1, treated=1)).verdict == TOO_FEW_TREATED
    assert _find(*company(1, units=10, treated=3)).verdict == NOTHING_TO_COMPARE
    apart = _find(*company(2, 0.0, drift=0.35))
    assert (apart.verdict, apart.effect) == (TRENDS_DIFFERED, None)
    assert _find(*company(2)).verdict == USABLE


def _seeds(kind: str, effect: float, seeds: int) -> tuple[int, int, int]:
    """Published, intervals that hold the effect, and intervals without nought."""
    found = [_find(*company(seed, effect, **KINDS[kind])) for seed in range(seeds)]
    usable = [one for one in found if one.effect is not None and one.low is not None and one.high is not None]
    held = sum(one.low <= 100 * effect <= one.high for one in usable if one.low is not None and one.high is not None)
    accused = sum(one.low > 0 or one.high < 0 for one in usable if one.low is not None and one.high is not None)
    return len(usable), held, accused


# 200 simulated companies: an interval that says 95 % and means 80 % finds a success in every fifth initiative that did nothing.
@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_intervals_hold_what_was_planted(kind: str, effect: float) -> None:
    usable, held, _ = _seeds(kind, effect, 200)
    assert usable >= 190
    assert held >= usable - 18


@pytest.mark.long
def test_nothing_is_found_where_nothing_was() -> None:
    found = [_seeds(kind, 0.0, 200) for kind in KINDS]
    assert sum(accused for _, _, accused in found) <= 0.05 * sum(usable for usable, _, _ in found)


def test_twenty_companies_find_what_was_planted_in_most() -> None:
    usable, held, found = _seeds("branches", 0.25, 20)
    assert usable >= 19
    assert held >= usable - 3
    assert found >= 17
