"""Calls to the silent: whom they may reach, and files that people have filled in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shopkeeper.analysis.weights import phone
from shopkeeper.analysis.weights.two_phase import follow_up
from shopkeeper.errors import ShopkeeperError

SILENCE = phone.Silence(
    "yearly/2026-02",
    design_weight=np.array([4.0]),
    answered=np.array([[10, 20, 30]]),
    silent={f"C{n}": 0 for n in range(100)},
    refused=frozenset(f"C{n}" for n in range(0, 100, 2)),
    heard=frozenset({"A1"}),
    publication_id=1,
)


def test_a_draw_is_the_same_each_time_and_calls_nobody_who_has_said_no() -> None:
    # Who draws until the sample pleases has no sample; who calls a customer that has opted out has a complaint.
    drawn = phone.draw(SILENCE, 30)
    assert len(set(drawn)) == 30
    assert not SILENCE.refused & set(drawn)
    assert phone.draw(SILENCE, 10) == drawn[:10]
    assert len(phone.draw(SILENCE, 400)) == 50
    assert drawn != sorted(drawn)


def test_a_file_filled_in_becomes_an_estimate(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    lines = ["customer_id,score", "C1,9", "C3,0", "C5,", "C7,7", "C9,10", "C11, 6 ", "A1,3"]
    for written in ("\n".join(lines), "\r\n".join(lines).replace(",", ";")):  # the second as a spreadsheet in Hamburg saves it
        file.write_text(written, encoding="utf-8-sig")
        said = phone.estimate(SILENCE, phone.read_calls(file))
        assert (said.called, said.reached, said.answered_since) == (6, 5, 1), "who has answered meanwhile counts there, and spoils nothing"
        assert said.found == follow_up(np.array([10, 20, 30]), 100, np.array([2, 1, 2]))
        assert said.found.low < said.found.nps < said.found.high


def test_unequal_chances_are_weighted_back() -> None:
    # Business customers are drawn ten times as often, and think ill of us: counted alike they would be the company's score.
    answered, silent, called = np.array([[300, 100, 100], [10, 20, 70]]), np.array([500, 100]), np.array([[60, 20, 20], [2, 4, 14]])
    said = follow_up(answered, silent, called, np.array([1.0, 10.0]))
    assert (said.answered.nps, said.silent.nps) == (pytest.approx(100 * 400 / 1500), pytest.approx(100 * 80 / 300))
    assert said.nps == pytest.approx(100 * (400 + 1500 * 80 / 300) / 3000)
    alike = follow_up(np.tile(answered, (2, 1)) / 2, np.tile(silent, 2) / 2, np.tile(called, (2, 1)) / 2, np.array([1.0, 10.0, 1.0, 10.0]))
    assert (alike.nps, alike.error, alike.gap_p) == pytest.approx((said.nps, said.error, said.gap_p)), (
        "how many rows the counts are told in is of no account"
    )
    assert follow_up(answered, silent, called, np.array([7.0, 7.0])).error == pytest.approx(
        follow_up(answered.sum(axis=0), 600, called.sum(axis=0)).error
    ), "one chance for all is a plain double sample"


def test_the_interval_holds_what_everybody_would_have_said() -> None:
    # 300 waves in two strata of unequal chances; the silent think worse of us than those who answer.
    random = np.random.default_rng(7)
    population = {1.0: (np.array([0.5, 0.2, 0.3]), 800), 6.0: (np.array([0.15, 0.35, 0.5]), 500)}
    truth = sum(d * n * (shares[2] - shares[0]) for d, (shares, n) in population.items()) / sum(d * n for d, (_, n) in population.items())
    covered = 0
    for _ in range(300):
        answered, silent = np.zeros((2, 3), int), np.zeros((2, 3), int)
        for place, (shares, n) in enumerate(population.values()):
            invited = random.multinomial(n, shares)
            answered[place] = random.binomial(invited, [0.15, 0.3, 0.5])
            silent[place] = invited - answered[place]
        chosen = random.multivariate_hypergeometric(silent.ravel(), 300).reshape(2, 3)
        said = follow_up(answered, silent.sum(axis=1), chosen, np.array([*population]))
        covered += said.low <= 100 * truth <= said.high
    assert 276 <= covered <= 297


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer,score\nC1,9\n", "needs the columns"),
        ("customer_id,score\nC1,9\nC1,8\n", "line 3: this customer is there twice"),
        ("customer_id,score\nC1,11\n", "line 2: the score is not"),
        ("customer_id,score\nC1,nine\n", "line 2: the score is not"),
        ("customer_id,score\nC1,9\nX7,8\n", "1 of 2 customers called were not invited by this wave"),
        ("customer_id,score\nC1,9\nX7,8\n", "(line 3)"),
        ("customer_id,score\nC1,9\n", "1 calls with a score and 60 answers"),
    ],
)
def test_a_file_that_says_nothing_sound_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ShopkeeperError) as refused:
        phone.estimate(SILENCE, phone.read_calls(file))
    assert said in str(refused.value)
    assert "X7" not in str(refused.value)
