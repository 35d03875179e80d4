"""What drives the score: published figures, the rules by which nothing is said, and a planted change."""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import statsmodels
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_drivers import same_day, simulated

from shopkeeper.analysis.drivers import ordinal
from shopkeeper.analysis.drivers.curve import curve
from shopkeeper.analysis.drivers.design import design
from shopkeeper.analysis.drivers.effects import USABLE, Answers, adjusted, effects
from shopkeeper.analysis.drivers.importance import importance, orders, shapley
from shopkeeper.analysis.drivers.levels import NOT_RECORDED, RARE, Driver, measured, mentions, named, unfolded, usable
from shopkeeper.analysis.drivers.publication import effect_rows, models

# Fertility, Agriculture, Examination, Education, Catholic and Infant.Mortality of 47 French-speaking provinces of Switzerland about 1888:
# R's data set `swiss` (Mosteller and Tukey 1977, Data Analysis and Regression)
SWISS = """
80.2 17 15 12 9.96 22.2; 83.1 45.1 6 9 84.84 22.2; 92.5 39.7 5 5 93.4 20.2; 85.8 36.5 12 7 33.77 20.3; 76.9 43.5 17 15 5.16 20.6;
76.1 35.3 9 7 90.57 26.6; 83.8 70.2 16 7 92.85 23.6; 92.4 67.8 14 8 97.16 24.9; 82.4 53.3 12 7 97.67 21; 82.9 45.2 16 13 91.38 24.4;
87.1 64.5 14 6 98.61 24.5; 64.1 62 21 12 8.52 16.5; 66.9 67.5 14 7 2.27 19.1; 68.9 60.7 19 12 4.43 22.7; 61.7 69.3 22 5 2.82 18.7;
68.3 72.6 18 2 24.2 21.2; 71.7 34 17 8 3.3 20; 55.7 19.4 26 28 12.11 20.2; 54.3 15.2 31 20 2.15 10.8; 65.1 73 19 9 2.84 20;
65.5 59.8 22 10 5.23 18; 65 55.1 14 3 4.52 22.4; 56.6 50.9 22 12 15.14 16.7; 57.4 54.1 20 6 4.2 15.3; 72.5 71.2 12 1 2.4 21;
74.2 58.1 14 8 5.23 23.8; 72 63.5 6 3 2.56 18; 60.5 60.8 16 10 7.72 16.3; 58.3 26.8 25 19 18.46 20.9; 65.4 49.5 15 8 6.1 22.5;
75.5 85.9 3 2 99.71 15.1; 69.3 84.9 7 6 99.68 19.8; 77.3 89.7 5 2 100 18.3; 70.5 78.2 12 6 98.96 19.4; 79.4 64.9 7 3 98.22 20.2;
65 75.9 9 9 99.06 17.8; 92.2 84.6 3 3 99.46 16.3; 79.3 63.1 13 13 96.83 18.1; 70.4 38.4 26 12 5.62 20.3; 65.7 7.7 29 11 13.79 20.5;
72.7 16.7 22 13 11.22 18.9; 64.4 17.6 35 32 16.92 23; 77.6 37.6 15 7 4.97 20; 67.6 18.7 25 7 8.65 19.5; 35 1.2 37 53 42.34 18;
44.7 46.6 16 29 50.43 18.2; 42.8 27.7 22 29 58.33 19.3
"""


def test_an_ordered_logit_gives_the_published_figures() -> None:
    # A wrong likelihood still gives coefficients, and a company would change what does not matter.
    file = Path(str(resources.files(statsmodels))) / "miscmodels/tests/results/ologit_ucla.csv"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    levels = ["unlikely", "somewhat likely", "very likely"]
    answer = np.array([levels.index(row["apply"]) if row["apply"] in levels else int(row["apply"]) for row in rows])
    values = np.array([[float(row[name]) for name in ("pared", "public", "gpa")] for row in rows])
    fitted = ordinal.fit(values, answer, 3)
    assert fitted.coefficients.round(4).tolist() == [1.0477, -0.0587, 0.6157]
    assert fitted.thresholds.round(4).tolist() == [2.2033, 4.2988]
    assert round(fitted.log_likelihood, 4) == -358.5124


def test_importance_gives_the_published_shares() -> None:
    # Taking drivers in one order only would praise whichever was entered first.
    rows = np.array([[float(number) for number in row.split()] for row in SWISS.replace("\n", " ").split(";")])
    found = importance(rows[:, 1:], rows[:, 0], np.arange(5), 5)
    assert found.parts.round(5).tolist() == [0.05709, 0.17117, 0.26013, 0.10557, 0.11277]
    assert (found.low <= found.parts).all()
    assert (found.parts <= found.high).all()
    # orders drawn at random are near what all orders give
    whole = np.column_stack([np.ones(len(rows)), rows[:, 1:], rows[:, 0]])
    drawn = shapley(whole.T @ whole, np.arange(5), 5, orders(5, 40, np.random.default_rng(1)))
    assert np.abs(drawn - found.parts).max() < 0.02


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_slopes_are_those_of_the_figures(seed: int) -> None:
    # An interval is only as right as the derivative that it rests on.
    random = np.random.default_rng(seed)
    values = random.integers(0, 2, (60, 3)).astype(float)
    answer = np.concatenate([[0, 1, 2], random.integers(0, 3, 57)])
    fitted = ordinal.fit(values, answer, 3, random.integers(0, 30, 60))
    columns, pattern = np.array([0, 2]), np.array([1.0, 0.0])

    def at(parameters: np.typing.NDArray[np.float64]) -> ordinal.Shares:
        return ordinal.shares(ordinal.Fit(parameters[:2], parameters[2:], fitted.covariance, 0.0), values, (columns, pattern))

    here = at(fitted.parameters)
    for place in range(5):
        step = 1e-5 * np.eye(5)[place]
        more, less = at(fitted.parameters + step), at(fitted.parameters - step)
        assert (more.lowest - less.lowest) / 2e-5 == pytest.approx(here.lowest_slope[place], abs=1e-7)
        assert (more.highest - less.highest) / 2e-5 == pytest.approx(here.highest_slope[place], abs=1e-7)
    gradient, _ = ordinal._derivatives(fitted.parameters, values, answer, 2)
    assert np.abs(gradient).max() < 1e-3


def _random(count: int = 900, seed: int = 3) -> tuple[Answers, np.random.Generator]:
    random = np.random.default_rng(seed)
    slow = random.integers(0, 3, count)
    band = np.searchsorted([-0.8, 0.8], random.logistic(0, 1, count) - 0.9 * slow)
    return Answers(band, np.arange(count), (Driver("waiting", "experience", ("short", "middle", "long"), slow),)), random


def test_what_others_say_already_is_not_said_again() -> None:
    # Of two drivers that always go together either could be the cause: a figure for one would send the company after the wrong thing.
    answers, random = _random()
    waiting = answers.drivers[0]
    same = Driver("the same in other words", "experience", ("a", "b", "c"), waiting.place)
    nearly = np.where(random.random(len(answers.band)) < 0.03, random.integers(0, 3, len(answers.band)), waiting.place)
    alike = Driver("nearly the same", "experience", ("x", "y", "z"), nearly)
    alone = effects(answers)
    assert {effect.verdict for effect in alone.effects} == {USABLE}
    with_same = effects(Answers(answers.band, answers.customer, (waiting, same)))
    verdicts = {effect.driver.name: effect.verdict for effect in with_same.effects}
    assert verdicts["waiting"] == USABLE
    assert verdicts["the same in other words"].startswith("collinear")
    figures = {e.driver.levels[e.level]: e.promoters for e in with_same.effects if e.driver.name == "waiting"}
    assert figures == {e.driver.levels[e.level]: e.promoters for e in alone.effects}
    both = effects(Answers(answers.band, answers.customer, (waiting, alike)))
    assert {effect.verdict for effect in both.effects} == {
        "collinear: goes together with nearly the same",
        "collinear: goes together with waiting",
    }
    assert all(effect.promoters is None and effect.promoters_if_all is None for effect in both.effects)


def test_what_is_said_takes_nothing_from_what_happened() -> None:
    # Who found it easy is who was happy: adjusted for that, waiting would seem harmless, and nobody would shorten it.
    answers, random = _random()
    ease = Driver("ease", "said", ("1", "2", "3"), np.clip(answers.band + (random.random(len(answers.band)) < 0.2), 0, 2))
    both = Answers(answers.band, answers.customer, (*answers.drivers, ease))
    rows = {(row["driver"], row["level"]): row for _, model, shown in models(both) for row in effect_rows(model, shown)}
    alone = effects(answers).effects[2].promoters
    assert alone is not None
    assert rows["waiting", "long"]["promoter_effect"] == pytest.approx(alone[0])
    assert rows["waiting", "long"]["q"] < 0.001
    assert rows["ease", "3"]["promoter_effect_low"] > 10
    assert len(rows) == 6


def test_too_few_answers_say_nothing() -> None:
    answers, _ = _random(150)
    assert {effect.verdict for effect in effects(answers).effects} == {"too few answers: 150 of at least 200"}
    many, random = _random(400)
    noise = tuple(named(f"noise {k}", "experience", random.integers(0, 4, 400), list("abcd")) for k in range(9))
    model = effects(Answers(many.band, many.customer, (*many.drivers, *noise)))
    assert all(effect.verdict.startswith("too few answers: 400 for") and effect.promoters is None for effect in model.effects)
    nobody = Answers(np.full(300, 2), np.arange(300), many.where(np.arange(300)).drivers)
    assert {effect.verdict for effect in effects(nobody).effects} == {"too few answers: 0 detractors"}


def test_a_customer_who_answers_ten_times_is_one_customer() -> None:
    # Else ten answers of one angry customer would make an effect certain.
    answers, _ = _random(600)
    once = effects(answers).effects[2].promoters
    rows = np.repeat(np.arange(600), 10)
    often = effects(answers.where(rows)).effects[2].promoters
    taken_apart = effects(Answers(answers.band[rows], np.arange(6000), answers.where(rows).drivers)).effects[2].promoters
    assert once is not None
    assert often is not None
    assert taken_apart is not None
    assert often == pytest.approx(once, abs=0.05)
    assert taken_apart[2] - taken_apart[1] < 0.4 * (often[2] - often[1])


def test_levels_are_what_a_reader_would_make_of_the_records() -> None:
    assert named("ease", "said", np.array([0, 1, 2, -1]), ["10", "2", "9"]).levels == ("2", "9", "10")
    assert unfolded("moved", "experience", np.array([0, 1]), ["0", "1"]).levels == ("0", "1")
    waited = measured("wait", "experience", np.r_[np.arange(100.0), np.nan])
    assert waited.levels == ("up to 24.75", "over 24.75 to 49.5", "over 49.5 to 74.25", "over 74.25")
    assert waited.counts.tolist() == [25, 25, 25, 25]
    assert waited.place[-1] == -1
    usual = named("outcome", "experience", np.array([0, 1, 1]), ["lost", "solved"])
    assert usual.levels[usual.reference] == "solved"
    topics = mentions("topic", "experience", np.r_[0, 1, -1, np.full(30, 2)], ["bill, claim", "claim", ","])
    assert [(topic.name, topic.place[:4].tolist()) for topic in topics] == [("topic: claim", [1, 1, -1, 0]), ("topic: bill", [1, 0, -1, 0])]
    # where every call has a topic, one of them has to be what the others are compared with
    assert [topic.name for topic in mentions("topic", "experience", np.array([0, 1, -1]), ["bill, claim", "claim"])] == ["topic: bill"]
    # a rare level is kept apart from those that are known, and a driver of one level is none
    kinds = np.r_[np.zeros(50, int), np.ones(40, int), np.full(5, 2), [-1, -1]]
    rare = usable([named("kind", "experience", kinds, ["a", "b", "c"])])[0]
    assert rare.levels == ("a", "b")
    assert (rare.place == RARE).sum() == 5
    assert (rare.place == NOT_RECORDED).sum() == 2
    assert not usable([named("kind", "experience", np.zeros(50, int), ["a"])])
    assert design([rare]).values.shape == (97, 1)


def test_p_values_are_adjusted_for_how_many_were_looked_at() -> None:
    # Wright (1992), Adjusted P-values for Simultaneous Inference: Holm's steps; Benjamini and Hochberg's by hand.
    assert adjusted([0.01, None, 0.04, 0.03], method="holm") == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert adjusted([0.01, None, 0.04, 0.03], method="fdr") == [pytest.approx(0.03), None, pytest.approx(0.04), pytest.approx(0.04)]


def test_waiting_starts_to_hurt_where_it_was_planted_to() -> None:
    # A threshold read off the raw curve is where the hardest cases begin, and the service promise would be set there.
    random = np.random.default_rng(5)
    days = random.integers(0, 14, 4000)
    hard = random.random(4000) < np.where(days >= 3, 0.7, 0.1)
    band = np.searchsorted([-1.0, 0.5], random.logistic(0, 1, 4000) - 1.5 * hard - 1.2 * (days >= 7))
    case = Driver("case", "experience", ("easy", "hard"), hard.astype(int))
    buckets, _ = curve(Answers(band, np.arange(4000), (case,)), days * 24.0 + 1, instead_of="resolution_band")
    assert [bucket.name for bucket in buckets if bucket.is_threshold] == ["7 to 9 days"]
    naive, _ = curve(Answers(band, np.arange(4000), ()), days * 24.0 + 1, instead_of="resolution_band")
    assert [bucket.name for bucket in naive if bucket.is_threshold] == ["3 days"]
    assert [bucket.name for bucket in buckets][:2] == ["under 1 day", "1 day"]
    assert sum(bucket.counts.sum() for bucket in buckets) == 4000


def covered(seeds: range) -> tuple[int, int]:
    """In how many companies the interval holds what settling everything the same day would do to promoters, and to detractors."""
    found = [0, 0]
    for seed in seeds:
        company = simulated(seed)
        effect = same_day(company.answers.of_kinds("customer", "experience"))
        for place, (interval, truth) in enumerate(
            ((effect.promoters_if_all, company.promoters), (effect.detractors_if_all, company.detractors))
        ):
            assert interval is not None
            found[place] += interval[1] <= truth <= interval[2]
    return found[0], found[1]


@pytest.mark.slow
def test_the_planted_change_is_covered_in_ten_companies() -> None:
    # The one question that a claims department asks: what if all were settled at once?
    assert simulated(1).promoters > 1
    assert min(covered(range(10))) >= 8


@pytest.mark.long
def test_the_planted_change_is_covered_in_two_hundred_companies() -> None:
    counts = covered(range(200))
    print(counts)
    assert min(counts) >= 182
