"""Calls to the silent: whom they may reach, and files that people have filled in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shopkeeper.analysis.weights import phone
from shopkeeper.analysis.weights.two_phase import follow_up
from shopkeeper.errors import ShopkeeperError

SILENCE = phone.Silence(
    "yearly/2026-02", np.array([10, 20, 30]), tuple(f"C{n}" for n in range(100)), frozenset(f"C{n}" for n in range(0, 100, 2))
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
    file.write_text("customer_id,score\nC1,9\nC3,0\nC5,\nC7,7\nC9,10\nC11, 6 \n", encoding="utf-8")
    said = phone.estimate(SILENCE, phone.read_calls(file))
    assert (said.called, said.reached) == (6, 5)
    assert said.found == follow_up(SILENCE.answered, 100, np.array([2, 1, 2]))
    assert said.found.low < said.found.nps < said.found.high


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer,score\nC1,9\n", "needs the columns"),
        ("customer_id,score\nC1,9\nC1,8\n", "line 3: this customer is there twice"),
        ("customer_id,score\nC1,11\n", "line 2: the score is not"),
        ("customer_id,score\nC1,nine\n", "line 2: the score is not"),
        ("customer_id,score\nC1,9\nX7,8\n", "1 of 2 customers called were not silent"),
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
