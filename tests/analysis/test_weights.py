"""Weights against published numbers, against a computation person by person, and against data that cannot be weighted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopkeeper.analysis.weights.replicates import Answers, estimate
from shopkeeper.analysis.weights.sensitivity import BandedWave, band, relative_rates, score_given
from shopkeeper.analysis.weights.strata import margins_of
from shopkeeper.analysis.weights.two_phase import follow_up
from shopkeeper.analysis.weights.wave import GROUPS, Wave
from shopkeeper.analysis.weights.weighting import weigh

SAMPLE = np.array([20, 50, 100, 30, 40, 140, 50, 100, 40, 310, 50, 70])
POPULATION = np.array([80, 60, 170, 55, 40, 150, 60, 165, 55, 340, 200, 125])


def spread(counts: np.ndarray, groups: int = GROUPS) -> np.ndarray:
    """Cells × GROUPS: each cell's answers dealt out to the groups in turn."""
    dealt = np.zeros((len(counts), GROUPS), int)
    for row, count in enumerate(counts):
        np.add.at(dealt[row], np.arange(count) % groups, 1)
    return dealt


def kalton() -> Wave:
    """The table of Kalton and Flores-Cervantes (2003), Journal of Official Statistics 19, 81-97: A in the fast index."""
    return Wave(
        {"a": np.tile(["a1", "a2", "a3", "a4"], 3), "b": np.repeat(["b1", "b2", "b3"], 4)},
        POPULATION,
        np.arange(12),
        np.ones(12),
        spread(SAMPLE),
    )


def test_raking_gives_the_published_weights_design_effect_and_effective_number() -> None:
    # Whoever checks our weights starts with the textbook's table.
    found = weigh(kalton(), [("a",), ("b",)])
    by_a = found.weights[:, 0].reshape(3, 4).T
    assert by_a[0] == pytest.approx([1.8108, 1.4528, 2.0168], abs=5e-5)
    assert by_a[1:] == pytest.approx(np.array([[1.08, 0.87, 1.21], [2.20, 1.76, 2.45], [1.83, 1.47, 2.04]]), abs=6e-3)
    assert (found.design_effect, found.n_effective) == pytest.approx((1.099681, 909.3549), abs=5e-5)
    assert found.is_converged
    assert found.weights[:, 0] @ SAMPLE == pytest.approx(POPULATION.sum())


def test_post_stratification_gives_what_each_stratum_lacks() -> None:
    found = weigh(kalton(), margins_of("post_stratification", ["a", "b"]))
    assert found.weights[:, 0] == pytest.approx(POPULATION / SAMPLE)
    assert margins_of("raking", ["a", "b * c"]) == [("a",), ("b", "c")]


def test_the_replicates_say_what_the_weighted_standard_error_says_where_nothing_is_raked() -> None:
    # √Σw²(y−ȳ)²/Σw, the textbook's error: a jackknife that says something else is wrong before any margin is.
    random = np.random.default_rng(5)
    weight, mark = random.choice([1.0, 2.0, 5.0], 2000), random.integers(0, 3, 2000)
    mean = np.average(mark - 1, weights=weight)
    published = 100 * np.sqrt(np.sum(weight**2 * (mark - 1 - mean) ** 2)) / weight.sum()
    rows, errors = np.searchsorted([1.0, 2.0, 5.0], weight), []
    for _ in range(30):
        group = random.integers(0, GROUPS, 2000)
        weights = np.repeat([[1.0], [2.0], [5.0]], 1 + GROUPS, axis=1)
        errors.append(estimate(Answers(np.zeros(2000, int), rows, group, mark, np.ones(2000)), weights, 1).error[0])
    assert np.mean(errors) == pytest.approx(published, rel=0.05)


def test_forty_answers_in_forty_groups_have_the_plain_variance() -> None:
    band_of = np.repeat([0, 1, 2], [8, 14, 18])
    found = estimate(Answers(np.zeros(40, int), np.zeros(40, int), np.arange(40), band_of, np.ones(40)), np.ones((1, 1 + GROUPS)), 1)
    assert found.nps[0] == pytest.approx(25.0)
    assert found.error[0] == pytest.approx(100 * np.std(band_of - 1, ddof=1) / np.sqrt(40))


def test_where_replicates_cannot_tell_the_interval_is_the_published_one_of_the_effective_number() -> None:
    # All answers of one group, or all alike: an interval of no width would be believed.
    def of(counts: tuple[int, int, int]) -> tuple[float, float]:
        rows = np.arange(3)
        answers = Answers(np.zeros(3, int), np.zeros(3, int), np.zeros(3, int), rows, np.array(counts))
        found = estimate(answers, np.ones((1, 1 + GROUPS)), 1)
        return float(found.low[0]), float(found.high[0])

    assert of((8, 13, 15)) == pytest.approx((-6.2803, 42.1777), abs=5e-5)
    assert of((20, 30, 50)) == pytest.approx((14.0511, 44.2013), abs=5e-5)
    assert of((0, 0, 5)) == pytest.approx((17.4915, 100.0), abs=5e-5)
    spread_out = Answers(np.zeros(5, int), np.zeros(5, int), np.arange(5), np.full(5, 2), np.ones(5))
    assert estimate(spread_out, np.ones((1, 1 + GROUPS)), 1).low[0] == pytest.approx(17.4915, abs=5e-5)


@settings(max_examples=30, deadline=None)
@example([(group, band_of, 1.0) for group in range(5) for band_of in (0, 1, 2, 2)] + [(0, 2, 1.0)])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.floats(0.2, 5)), min_size=1, max_size=30))
def test_few_answers_never_have_a_narrower_interval_than_their_effective_number(given_answers: list[tuple[int, int, float]]) -> None:
    # Two groups that happen to agree would make a dozen answers look like a thousand.
    group, band_of, weight = (np.array(column) for column in zip(*given_answers, strict=True))
    rows = np.arange(len(weight))
    weights = np.repeat(weight[:, None], 1 + GROUPS, axis=1)
    found = estimate(Answers(np.zeros(len(rows), int), rows, group, band_of, np.ones(len(rows))), weights, 1)
    least = estimate(Answers(np.zeros(len(rows), int), rows, np.zeros(len(rows), int), band_of, np.ones(len(rows))), weights, 1)
    assert found.low[0] <= least.low[0] + 1e-9
    assert found.high[0] >= least.high[0] - 1e-9


def test_several_answers_of_one_customer_are_not_so_many_customers() -> None:
    band_of = np.random.default_rng(1).integers(0, 3, 200)
    group = np.arange(200) % GROUPS

    def error(times: int) -> float:
        who = np.repeat(np.arange(200), times)
        rows = np.zeros(len(who), int)
        return float(estimate(Answers(rows, rows, group[who], band_of[who], np.ones(len(who))), np.ones((1, 1 + GROUPS)), 1).error[0])

    assert error(5) == pytest.approx(error(1))


counts = st.lists(st.integers(0, 60), min_size=12, max_size=12).filter(lambda found: sum(found) > 0)


@st.composite
def waves(draw: st.DrawFn) -> Wave:
    frame = np.array(draw(st.lists(st.integers(1, 5000), min_size=12, max_size=12)))
    weight = np.array(draw(st.lists(st.sampled_from([1.0, 2.0, 2.5, 10.0]), min_size=12, max_size=12)))
    groups = draw(st.sampled_from([1, 3, GROUPS]))
    return replace(kalton(), frame=frame, design_weight=weight, answers=spread(np.array(draw(counts)), groups))


@settings(max_examples=40, deadline=None)
@given(wave=waves(), trim=st.sampled_from([None, 1.5, 5.0]), crossed=st.booleans())
def test_weights_agree_with_the_frame_or_it_is_said_that_they_do_not(wave: Wave, trim: float | None, crossed: bool) -> None:
    found = weigh(wave, [("a", "b")] if crossed else [("a",), ("b",)], trim)
    answers = wave.answers.sum(axis=1)
    assert np.isfinite(found.weights[:, 0]).all()
    assert (found.weights[answers > 0, 0] > 0).all()
    assert found.design_effect >= 1 - 1e-9
    mean = wave.total / (wave.design_weight @ answers)
    if trim is not None:
        assert (found.adjustment[answers > 0] <= trim * mean * (1 + 1e-9)).all()
    is_silent = not found.warnings
    for name in ("a", "b"):
        for label in np.unique(wave.variables[name]):
            here = wave.variables[name] == label
            miss = abs(found.weights[here, 0] @ answers[here] - wave.frame[here].sum()) / wave.total
            assert miss < 0.005 or not is_silent


@settings(max_examples=20, deadline=None)
@given(wave=waves(), seed=st.integers(0, 10_000))
def test_sums_over_cells_are_those_person_by_person(wave: Wave, seed: int) -> None:
    # Joint counts are what make a million answers quick; a mistake in them is one that no plausible figure betrays.
    random = np.random.default_rng(seed)
    found = weigh(wave, [("a",), ("b",)])
    row, group = (np.repeat(index, wave.answers[np.nonzero(wave.answers)]) for index in np.nonzero(wave.answers))
    band_of, cell = random.integers(0, 3, len(row)), random.integers(0, 4, len(row))
    scores = estimate(Answers(cell, row, group, band_of, np.ones(len(row))), found.weights, 4)
    for here in range(4):
        mine = cell == here
        if not mine.any():
            assert np.isnan(scores.nps[here])
            continue
        theta = np.average(band_of[mine] - 1, weights=found.weights[row[mine], 0])
        replicates = []
        for g in range(GROUPS):
            kept = mine & (group != g)
            replicates.append(np.average(band_of[kept] - 1, weights=found.weights[row[kept], 1 + g]) if kept.any() else theta)
        assert scores.nps[here] == pytest.approx(100 * theta, abs=1e-6)
        if len(np.unique(group[mine])) > 1:
            variance = (GROUPS - 1) / GROUPS * np.sum((np.array(replicates) - theta) ** 2)
            assert scores.error[here] == pytest.approx(100 * np.sqrt(variance), abs=1e-5)
        assert -100 <= scores.low[here] <= scores.high[here] <= 100


def test_each_replicate_is_raked_on_its_own_and_as_if_the_group_had_never_answered() -> None:
    wave = replace(kalton(), answers=spread(SAMPLE, 7))
    left = wave.answers.copy()
    left[:, 3] = 0
    alone = weigh(replace(wave, answers=left), [("a",), ("b",)])
    assert weigh(wave, [("a",), ("b",)]).weights[:, 1 + 3] == pytest.approx(alone.weights[:, 0])


# --- data that cannot be weighted ------------------------------------------------------------------------------------


def test_a_stratum_that_is_silent_is_weighted_with_another_and_that_is_said() -> None:
    silent = np.where(kalton().variables["a"] == "a3", 0, SAMPLE)
    found = weigh(replace(kalton(), answers=spread(silent)), [("a",), ("b",)])
    assert found.is_converged
    assert found.weights[:, 0] @ silent == pytest.approx(POPULATION.sum())
    assert found.warnings[0].startswith("a: too few answers in 1 of 4 strata, none in 1, which are 28.7 % of the frame")


def test_margins_that_cannot_agree_are_said_not_to() -> None:
    # All of a1 answered in b1 and all others in b2 and b3, as where two systems know of different customers: no weights meet both margins.
    a, b = kalton().variables["a"], kalton().variables["b"]
    found = weigh(replace(kalton(), answers=spread(np.where((a == "a1") == (b == "b1"), 50, 0))), [("a",), ("b",)])
    assert not found.is_converged
    assert "do not converge" in found.warnings[0]


def test_a_wave_without_answers_has_no_weights() -> None:
    nobody = replace(kalton(), cell=np.zeros(0, int), design_weight=np.zeros(0), answers=np.zeros((0, GROUPS)))
    assert weigh(nobody, [("a",), ("b",)]).answers == 0
    found = weigh(replace(kalton(), answers=np.zeros((12, GROUPS), int)), [("a",), ("b",)])
    assert np.isnan(found.weights).all()
    assert found.warnings == ("nobody has answered",)


def test_who_hardly_answers_does_not_outweigh_everybody() -> None:
    rare = np.where(np.arange(12) == 0, 12, 200)
    wave = replace(kalton(), frame=np.where(np.arange(12) == 0, 20_000, 200), answers=spread(rare))
    free, capped = (weigh(wave, [("a", "b")], trim) for trim in (None, 3.0))
    assert free.largest_ratio > 100
    assert capped.largest_ratio == pytest.approx(3.0)
    assert capped.design_effect < free.design_effect / 10
    assert capped.trimmed == 12
    assert "no adjustment above 3 times the mean, weights miss a × b by up to" in capped.warnings[0]


def test_counts_that_do_not_fit_together_are_refused() -> None:
    for wrong in ({"frame": POPULATION[:11]}, {"design_weight": np.zeros(12)}, {"cell": np.arange(12) + 1}, {"answers": SAMPLE}):
        with pytest.raises(ValueError, match=r"frame cell|design weight|weighting cell"):
            replace(kalton(), **wrong)


# --- what no weight repairs ------------------------------------------------------------------------------------------


def banded() -> BandedWave:
    by_band = np.stack([spread(SAMPLE // share) for share in (3, 4, 2)], axis=2)
    return BandedWave(replace(kalton(), answers=by_band.sum(axis=2)), by_band)


def test_the_sensitivity_band_holds_the_score_and_tips_where_it_says() -> None:
    one, margins = banded(), [("a",), ("b",)]
    weighted = score_given([one], margins, 5.0, (1.0, 1.0, 1.0))
    assert weighted is not None
    found = band([one], margins, goal=weighted.nps)
    assert found is not None
    assert found.at_low.nps < weighted.nps < found.at_high.nps
    assert found.goal_flips
    assert found.goal_tipping_ratio == pytest.approx(1.0, abs=1e-4)
    assert found.tipping_ratio is not None
    tipped = score_given([one], margins, 5.0, relative_rates(found.tipping_ratio))
    assert tipped is not None
    assert tipped.nps == pytest.approx(0.0, abs=1e-3)
    assert found.sign_flips == (0.5 < found.tipping_ratio <= 1.5)
    # only a part is scored: the weights stay those of the whole wave
    promoters = replace(one, scored=one.answers * np.array([0, 0, 1]))
    part = score_given([one, promoters], margins, 5.0, (1.0, 1.0, 1.0))
    assert part is not None
    assert weighted.nps + 10 < part.nps < 100


def test_all_promoters_never_tip() -> None:
    happy = spread(SAMPLE)[:, :, None] * np.array([0, 0, 1])
    found = band([BandedWave(replace(kalton(), answers=happy.sum(axis=2)), happy)], [("a",)])
    assert found is not None
    assert (found.tipping_ratio, found.sign_flips, found.at_low.nps) == (None, False, pytest.approx(100.0))
    assert band([], [("a",)]) is None


# --- a phone call to the silent --------------------------------------------------------------------------------------


def test_calling_everybody_who_was_silent_is_one_plain_sample() -> None:
    answered, called = np.array([100, 150, 250]), np.array([200, 100, 150])
    found = follow_up(answered, int(called.sum()), called)
    marks = np.repeat([-1, 0, 1], answered + called)
    assert found.nps == pytest.approx(100 * marks.mean())
    assert found.error == pytest.approx(100 * marks.std(ddof=1) / np.sqrt(len(marks)))
    assert found.gap == pytest.approx(-30 - 100 * 50 / 450)
    assert follow_up(answered, 4500, called).error > found.error
    with pytest.raises(ValueError, match="only 449 were silent"):
        follow_up(answered, 449, called)
