"""The estimators of the review for gaming: published numbers, properties, and what each signal must not hold against anyone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from shopkeeper.analysis.gaming import case_mix, signals, units
from shopkeeper.analysis.gaming.exposure import Array, Exposure
from shopkeeper.analysis.gaming.review import Q, adjusted, review

BRANCHES = 24


def one_level(outcome: Array, unit: Array, **columns: Array) -> Exposure:
    return Exposure("calls", "more_promoters", outcome.astype(bool), unit, {"branch": unit}, dict(columns), subject=np.arange(len(unit)))


def test_the_family_is_that_of_benjamini_and_hochberg() -> None:
    """Their example of 1995, section 3.2: at 5 % the four smallest of fifteen. Too lax a family accuses honest branches month by month."""
    published = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    )
    same, each = np.zeros(15, int), np.arange(15)
    for level, group in ((same, each), (same, same), (each % 3, same)):  # over groups; inside of one; and levels of one size weigh alike
        found = adjusted(published, level, group)
        assert (found <= 0.05).sum() == 4
        assert found[3] == pytest.approx(0.0095 * 15 / 4)


def test_hundreds_of_employees_do_not_drown_two_dozen_branches() -> None:
    """A branch that games must not go free because the company has many employees who do not."""
    p = np.r_[2e-5, np.full(23, 0.5), np.full(720, 0.5)]
    level = np.r_[np.zeros(24, int), np.full(720, 2)]
    group = np.r_[np.arange(24), np.repeat(np.arange(24), 30)]
    assert adjusted(p, level, group)[0] <= Q < adjusted(p, np.zeros(744, int), group)[0]
    unknown = adjusted(np.r_[p, np.nan], np.r_[level, 1], np.r_[group, 99])
    assert np.isnan(unknown[-1])
    assert np.array_equal(unknown[:-1], adjusted(p, level, group)), "who was not looked at counts for nothing"


def test_many_traces_of_one_branch_are_no_reason_to_look_at_the_next() -> None:
    """Counted one by one, twenty traces at a branch that games would accuse a team elsewhere of what one clean company in ten has."""
    random = np.random.default_rng(1)
    group = np.repeat(np.arange(24), 40)
    p = random.uniform(0.01, 1, len(group))
    p[:20], p[200] = 1e-9, 8e-5
    found = adjusted(p, np.zeros(len(p), int), group) <= Q
    assert found[:20].all()
    assert not found[20:].any()
    assert adjusted(p, np.zeros(len(p), int), np.arange(len(p)))[200] <= Q, "the test would pass without groups too, and so prove nothing"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), groups=st.integers(1, 12), rate=st.floats(0.001, 0.5))
def test_q_values_are_those_of_the_published_procedure(seed: int, groups: int, rate: float) -> None:
    """A q-value is read at 0.05 / 12 today and at another rate tomorrow: at each it must say what Benjamini and Bogomolov's steps say."""
    random = np.random.default_rng(seed)
    group = random.integers(0, groups, 60)
    p = random.random(60) ** random.integers(1, 6)
    groups_there = np.unique(group)
    selected = _step_up([min(_by_hand(p[group == one])) for one in groups_there], rate)
    bar = rate * len(selected) / len(groups_there)
    rejected = np.zeros(60, bool)
    for place in selected:
        of_it = np.flatnonzero(group == groups_there[place])
        rejected[of_it[_step_up(p[of_it].tolist(), bar)]] = True
    assert np.array_equal(adjusted(p, np.zeros(60, int), group) <= rate, rejected)


def _by_hand(p: Array) -> list[float]:
    """n·p/rank of each: the smallest is Simes' p-value."""
    return [len(p) * one / rank for rank, one in enumerate(sorted(p.tolist()), 1)]


def _step_up(p: list[float], rate: float) -> list[int]:
    """Benjamini and Hochberg's own words: reject all up to the largest that lies under its line."""
    last = max((one for rank, one in enumerate(sorted(p), 1) if one <= rate * rank / len(p)), default=-1.0)
    return [place for place, one in enumerate(p) if one <= last]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 3000),
    share=st.floats(0.0, 1.0),
    alpha=st.floats(0.05, 5000),
    beta=st.floats(0.05, 5000),
)
def test_tails_are_those_of_the_beta_binomial(n: int, share: float, alpha: float, beta: float) -> None:
    observed = round(n * share)
    tail = units._tail(observed, n, np.array([alpha]), np.array([beta]))[0]
    assert tail == pytest.approx(betabinom.sf(observed - 1, n, alpha, beta), rel=1e-6, abs=1e-9)


def test_branches_that_differ_are_accused_no_more_often_than_said() -> None:
    """Branches differ by five points for good reasons. With a common mean as null one clean run in three accuses somebody."""
    random = np.random.default_rng(5)
    worst, naive = [], 0
    for _ in range(80):
        share = np.clip(random.normal(0.45, 0.05, BRANCHES), 0.05, 0.95)
        unit = np.repeat(np.arange(BRANCHES), 200)
        exposure = one_level(random.random(len(unit)) < share[unit], unit)
        counts = units.counted(exposure, "branch")
        worst += units.compare(counts, np.zeros(1), np.zeros(0, int)).p.tolist()
        common = binom.sf(counts.observed - 1, 200, counts.observed.sum() / counts.n.sum())
        naive += bool((adjusted(common, np.zeros(BRANCHES, int), counts.unit) <= Q).any())
    p = np.array(worst)
    for level, slack in ((0.05, 1.3), (0.01, 1.7), (0.001, 4.0)):  # 96, 19 and 2 are to be expected among 1,920
        assert (p <= level).mean() <= slack * level, f"{level}: said too often"
    assert (p <= 0.05).mean() > 0.02, "and it is not blind"
    assert naive > 8, "the test would pass with a common mean too, and so prove nothing"


def test_the_kind_of_customers_is_nobodys_merit() -> None:
    """A branch that serves those who are easily pleased has more promoters, and has done nothing."""
    random = np.random.default_rng(3)
    unit = np.repeat(np.arange(BRANCHES), 400)
    is_easy = random.random(len(unit)) < np.where(unit == 7, 0.9, 0.3)
    exposure = one_level(random.random(len(unit)) < np.where(is_easy, 0.75, 0.3), unit, segment=is_easy.astype(int))
    found = review([exposure])
    assert not found.needs_review.any()
    assert found.expected[7] == pytest.approx(400 * (0.9 * 0.75 + 0.1 * 0.3), rel=0.06)
    without = review([one_level(exposure.outcome, unit)])
    assert without.needs_review[7], "the case mix is what clears the branch"


def test_those_who_do_the_same_do_not_excuse_each_other() -> None:
    """Five branches in which far more are promoters make "branches differ that much" look true."""
    random = np.random.default_rng(11)
    unit = np.repeat(np.arange(BRANCHES), 300)
    games = np.isin(unit, [2, 6, 10, 14, 18])
    found = review([one_level(random.random(len(unit)) < np.where(games, 0.8, 0.45), unit)])
    assert found.unit[found.needs_review].tolist() == [2, 6, 10, 14, 18]


def test_who_is_found_by_one_trace_does_not_hide_the_next() -> None:
    """Where a third of the branches have too many promoters, that is how branches are; until a trace of their own gives seven away."""
    random = np.random.default_rng(11)
    unit = np.repeat(np.arange(BRANCHES), 300)
    games = unit < 7
    promoters = one_level(random.random(len(unit)) < np.where(games | (unit == 18), 0.75, 0.45), unit)
    early = Exposure("calls", "asked_early", (random.random(len(unit)) < 0.5) & (unit < 4), unit, {"branch": unit})
    bounced = Exposure("calls", "bounced_after_edit", (random.random(len(unit)) < 0.2) & games & (unit > 3), unit, {"branch": unit})
    assert not review([promoters]).needs_review.any()
    found = review([promoters, early, bounced])
    assert set(found.unit[found.needs_review].tolist()) == {*range(7), 18}
    assert found.rounds > 1


def test_a_unit_is_not_looked_at_without_enough_others() -> None:
    """With four branches nobody knows how much branches differ: nothing is said of any."""
    unit = np.repeat(np.arange(4), 100)
    found = review([one_level(unit == 2, unit)])
    assert np.isnan(found.p).all()
    assert not found.needs_review.any()


def test_a_case_mix_of_few_events_is_none() -> None:
    """With nine events a column per level would be noise, and noise would be held against somebody."""
    design = np.eye(4)[:, 1:]
    rows = np.full(4, 250.0)
    assert not case_mix.slopes(design, rows, np.array([9.0, 0, 0, 0])).any()
    told = case_mix.slopes(design, rows, np.array([50.0, 100.0, 50.0, 50.0]))
    assert told[1] - told[0] == pytest.approx(np.log(100 / 150) - np.log(50 / 200), abs=0.05)


def answers(day: Array, second: Array, branch: Array, seconds_taken: Array) -> signals.Rows:
    count = len(day)
    columns = {
        "is_promoter": np.zeros(count, bool),
        "is_scored": np.ones(count, bool),
        "is_shared_address": np.zeros(count, bool),
        "is_settled": np.zeros(count, bool),
        "has_complained": np.zeros(count, bool),
        "seconds_taken": seconds_taken,
        "day": day,
        "second": second,
    }
    # ids that have nothing to do with time
    subject = np.random.default_rng(0).permutation(count)
    return signals.Rows("calls", branch, {"branch": branch}, {}, subject, columns)


def test_a_large_branch_is_no_burst() -> None:
    """Ten times the answers bring a hundred times the close pairs: only the share of pairs may speak."""
    random = np.random.default_rng(8)
    sizes = np.r_[8000, np.full(BRANCHES - 1, 800)]
    branch = np.repeat(np.arange(BRANCHES), sizes)
    day = random.integers(0, 365, len(branch))
    second = day * 86_400 + (np.clip(random.normal(14, 3, len(branch)), 6, 23) * 3600).astype(int)
    rows = answers(day, second, branch, np.full(len(branch), 90.0))
    assert not review([signals.bursts(rows)]).needs_review.any()
    evening = (branch == 5) & (day % 10 == 0)
    pasted = np.where(evening, day * 86_400 + 18 * 3600 + random.integers(0, 240, len(branch)), second)
    found = review([signals.bursts(answers(day, pasted, branch, np.full(len(branch), 90.0)))])
    assert found.unit[found.needs_review].tolist() == [5], "every tenth evening, all at once"


def test_promoters_who_complain_afterwards_are_seen() -> None:
    """Who was talked into a ten complains all the same. Customers who had complained before do so more often: that is nobody's doing."""
    random = np.random.default_rng(6)
    branch = np.repeat(np.arange(BRANCHES), 300)
    had_complained = (random.random(len(branch)) < np.where(branch == 9, 0.95, 0.15)).astype(int)
    usual = np.where(had_complained, 0.25, 0.05) * np.exp(random.normal(0, 0.15, BRANCHES))[branch]
    rows = answers(np.arange(len(branch)), np.arange(len(branch)), branch, np.full(len(branch), 90.0))
    settled = {"is_settled": np.ones(len(branch), bool), "is_promoter": random.random(len(branch)) < 0.6}
    for talked_into, found in ((0.0, set()), (0.3, {4})):
        complains = random.random(len(branch)) < np.where((branch == 4) & (random.random(len(branch)) < talked_into), 0.7, usual)
        told = replace(rows, case_mix={"complaint": had_complained}, columns={**rows.columns, **settled, "has_complained": complains})
        exposures = signals.of_answers(told)
        reviewed = review(exposures)
        named = {(exposures[reviewed.exposure[i]].signal, int(reviewed.unit[i])) for i in np.flatnonzero(reviewed.needs_review)}
        assert named == {("promoters_complain", one) for one in found}


def test_those_who_answer_for_customers_do_not_set_the_pace() -> None:
    """A floor learned with the fast answers in it would excuse them."""
    random = np.random.default_rng(2)
    branch = np.repeat(np.arange(BRANCHES), 200)
    taken = 25 + random.gamma(2, 30, len(branch))
    is_own = np.isin(branch, [1, 2, 3]) & (random.random(len(branch)) < 0.5)
    fast = np.where(is_own, random.integers(6, 16, len(branch)), taken)
    assert signals.usual_quickest(fast, branch) == pytest.approx(signals.usual_quickest(taken, branch), abs=4)
    day = np.arange(len(branch))
    (exposure,) = [e for e in signals.of_answers(answers(day, day * 86_400, branch, fast)) if e.signal == "answered_fast"]
    found = review([exposure])
    assert set(found.unit[found.needs_review].tolist()) == {1, 2, 3}


def test_a_quarantine_is_not_held_against_anyone() -> None:
    """Who was asked last week is not asked again: such customers are not missing, however many of them a branch has."""
    random = np.random.default_rng(4)
    branch = np.repeat(np.arange(BRANCHES), 300)
    state = (random.random(len(branch)) < np.where(branch == 9, 0.8, 0.2)).astype(int)
    is_asked = (state == 0) & (random.random(len(branch)) < 0.97)
    rows = signals.Rows("calls", branch, {"branch": branch}, {}, np.arange(len(branch)), {"is_asked": is_asked, "state": state})
    assert not review(signals.of_interactions(rows)).needs_review.any()
