"""What the silent would have said: scores against other implementations, honest chances, what is refused, and planted truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_predictions import Simulated, simulated
from sklearn.metrics import cohen_kappa_score
from statsmodels.miscmodels.ordinal_model import OrderedModel
from threadpoolctl import threadpool_limits

from shopkeeper.analysis.drivers.levels import Driver, measured
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.predicted import scoring
from shopkeeper.analysis.predicted.groups import Group, groups
from shopkeeper.analysis.predicted.models import Known, baseline, boosting, calibrated
from shopkeeper.analysis.predicted.study import FEWEST, MARK, Asked, Study, split, study
from shopkeeper.demo.config import RELATIONSHIP, TRANSACTIONAL


def asked(count: int = 900, silent: int = 200, *, effect: float = 1.5, seed: int = 0, days: int = 300, late_shift: float = 0.0) -> Asked:
    """One number that moves the answer by `effect`, and two that do nothing; in the newest fifth all think less by `late_shift`."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count + silent, 3))
    day = np.concatenate([np.sort(random.integers(0, days, count)), np.full(silent, days)])
    thought = effect * numbers[:, 0] - late_shift * (day >= 0.8 * days) + random.logistic(size=count + silent)
    band = np.where(np.arange(count + silent) < count, np.searchsorted([-0.5, 0.5], thought), -1)
    known = {f"number {k}": numbers[:, k] for k in range(3)}
    levels = tuple(measured(name, "known", values) for name, values in known.items())
    return Asked(Known(levels, known), band, day, day + random.integers(0, 5, count + silent), np.arange(count + silent), band < 0)


def test_scores_are_those_of_others() -> None:
    # A kappa or a Brier score with a slip in it would publish the worse model.
    random = np.random.default_rng(1)
    band, guessed = random.integers(0, 3, 300), random.integers(0, 3, 300)
    assert scoring.quadratic_kappa(guessed, band) == pytest.approx(cohen_kappa_score(guessed, band, weights="quadratic"))
    # over two classes it is twice the squared difference of one
    rain = np.array([0.7, 0.9, 0.8, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.1])
    came = np.array([0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    own = scoring.brier(np.column_stack([1 - rain, rain]), came).mean()
    assert own == pytest.approx(2 * np.mean((rain - came) ** 2))
    sure = np.eye(3)[band]
    assert (scoring.calibration_error(sure, band), scoring.reliability(sure, band)) == (0, 0)
    always = np.tile([0.5, 0.3, 0.2], (300, 1))
    share = np.bincount(band) / 300
    assert scoring.calibration_error(always, band) == pytest.approx(np.abs(always[0] - share).mean())
    assert scoring.reliability(always, band) == pytest.approx(((always[0] - share) ** 2).sum())


def test_the_baseline_says_what_statsmodels_says() -> None:
    # Chances that belong to the wrong band turn an at-risk list upside down.
    random = np.random.default_rng(2)
    place = random.integers(0, 3, 900)
    band = np.searchsorted([-0.5, 0.8], 0.7 * place + random.logistic(size=900))
    known = Known((Driver("kind", "known", ("a", "b", "c"), place),), {})
    columns = np.column_stack([place == 1, place == 2]).astype(float)
    other = OrderedModel(band, columns, distr="logit").fit(method="bfgs", disp=False)
    assert baseline(known, band, np.arange(900)) == pytest.approx(other.predict(columns), abs=1e-4)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.floats(0.2, 4), st.floats(-2, 2), st.floats(-2, 2))
def test_calibration_mends_what_is_too_sure_or_tilted(seed: int, power: float, down: float, up: float) -> None:
    # A model that says 90 % where 60 % happen sends people to customers who are content.
    random = np.random.default_rng(seed)
    true = random.dirichlet([2, 2, 2], 3000)
    band = np.minimum((random.random(3000)[:, None] > true.cumsum(axis=1)).sum(axis=1), 2)
    told = true**power * np.exp([down, 0, up])
    told /= told.sum(axis=1, keepdims=True)
    honest = calibrated(told, band, np.arange(3000))
    assert honest.sum(axis=1) == pytest.approx(1)
    assert honest.mean(axis=0) == pytest.approx(np.bincount(band, minlength=3) / 3000, abs=2e-3), "right on the whole"
    assert np.abs(honest - true).mean() < 0.03
    weight = np.where(band == 0, 3.0, 1.0)
    assert calibrated(told, band, np.arange(3000), weight).T @ weight / weight.sum() == pytest.approx(
        np.bincount(band, weight, 3) / weight.sum(), abs=2e-3
    ), "right for those whom the answers stand for"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 60), st.integers(0, 3))
def test_nothing_is_learnt_from_the_future(seed: int, days: int, later: int) -> None:
    # A model that has seen the answers it is judged on praises itself.
    random = np.random.default_rng(seed)
    day = random.integers(0, days, 900)
    told = day + random.integers(0, later + 1, 900)
    band = np.arange(900) % 3
    slices = split(Asked(Known((), {}), band, day, told, np.arange(900), np.zeros(900, bool)))
    assert slices is not None
    _, calibration, test = slices.begins
    assert max(told[slices.train].max(), day[slices.train].max()) < calibration <= day[slices.calibration].min()
    assert told[slices.calibration].max() < test <= day[slices.test].min()
    assert len({*slices.train, *slices.calibration, *slices.test}) == sum(map(len, (slices.train, slices.calibration, slices.test)))


def verdicts(found: Study) -> str:
    return "; ".join(quality.verdict for quality in found.qualities)


def test_what_cannot_be_told_is_refused() -> None:
    # Whoever asks a model that knows nothing gets an answer all the same, unless somebody refuses.
    assert f"{FEWEST - 1} answers; at least {FEWEST} are needed" in verdicts(study(asked(FEWEST - 1)))
    assert "too few days" in verdicts(study(asked(days=1)))
    assert "cannot be learnt" in verdicts(study(replace(asked(), band=np.minimum(asked().band, 1))))
    assert "not better than telling everybody" in verdicts(study(asked(effect=0)))
    assert "misses the newest answers by +" in verdicts(study(asked(2000, late_shift=1.5)))
    for refused in (asked(FEWEST - 1), asked(effect=0)):
        found = study(refused)
        assert (found.model, found.chances, list(groups(refused, found))) == (None, None, [])


def test_the_same_answers_give_the_same_chances() -> None:
    # Marts whose bytes change from build to build cannot be audited.
    one = asked()
    assert study(one).model is not None
    rows = np.flatnonzero(one.band >= 0)
    first = boosting(one.known, one.band, rows)
    with threadpool_limits(4):
        assert (boosting(one.known, one.band, rows) == first).all()


def estimates(company: Simulated) -> tuple[Study, dict[tuple[str, str], tuple[Group, float]]]:
    """What is predicted of each group beside what its silent customers think, in points."""
    found = study(company.asked)
    told = {}
    for group in groups(company.asked, found):
        rows = company.asked.is_silent & (True if group.dimension == "all" else company.asked.groups[group.dimension] == group.value)
        told[group.dimension, group.value] = group, 100 * float((company.chances[rows] @ MARK).mean())
    return found, told


def test_the_silent_of_a_simulated_company_are_found() -> None:
    # The silent are unhappier than those who answer; a prediction that says the same as the answers says nothing.
    company = simulated(3, RELATIONSHIP, 6_000)
    found, told = estimates(company)
    group, true = told["all", "all"]
    assert group.score is not None
    assert group.score[1] <= true <= group.score[2]
    measured_score = 100 * float(MARK[company.asked.band[company.asked.band >= 0]].mean())
    assert group.score[2] < measured_score
    assert found.chances is not None
    rows = company.asked.is_silent
    assert found.chances[rows] @ MARK == pytest.approx(found.chances[rows][:, 2] - found.chances[rows][:, 0])
    assert 100 * float((found.chances[rows] @ MARK).mean()) == pytest.approx(group.score[0]), "a mean of chances"


def far(chances: Array, true: Array) -> float:
    """Mean difference between chances and true ones over ten groups of equal size, by each band."""
    errors = []
    for k in range(3):
        place = np.searchsorted(np.quantile(chances[:, k], np.arange(1, 10) / 10), chances[:, k], side="right")
        errors += [abs(chances[place == g, k].mean() - true[place == g, k].mean()) for g in range(10) if (place == g).any()]
    return float(np.mean(errors))


@pytest.mark.slow
def test_chances_are_those_that_were_planted() -> None:
    errors = []
    for programme in (RELATIONSHIP, TRANSACTIONAL):
        company = simulated(11, programme)
        found, _ = estimates(company)
        if found.chances is not None:
            rows = company.asked.is_silent
            errors.append(far(found.chances[rows], company.chances[rows]))
    assert errors
    assert max(errors) < 0.05


@pytest.mark.long
@pytest.mark.parametrize("programme", [RELATIONSHIP, TRANSACTIONAL])
def test_in_two_hundred_companies_intervals_hold_the_truth(programme: int) -> None:
    published = held = 0
    off, errors, held_by_group = [], [], []
    for seed in range(200):
        company = simulated.__wrapped__(seed, programme)
        found, told = estimates(company)
        if found.chances is None:
            continue
        group, true = told["all", "all"]
        assert group.score is not None
        published += 1
        held += group.score[1] <= true <= group.score[2]
        off.append(group.score[0] - true)
        rows = company.asked.is_silent
        errors.append(far(found.chances[rows], company.chances[rows]))
        held_by_group += [one.score[1] <= truth <= one.score[2] for one, truth in told.values() if one.score]
    assert published >= 190
    assert held >= 0.91 * published
    assert np.mean(held_by_group) >= 0.93
    assert abs(np.mean(off)) < 0.5
    assert np.mean(errors) < 0.04
