"""What a provider states of the score, beside ours."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.company.load import load
from shopkeeper.company.stated import StatedScore
from shopkeeper.errors import ShopkeeperError
from shopkeeper.quality.report.stated import reading

counts = st.integers(0, 4000)


@given(
    promoters=counts,
    passives=counts,
    detractors=counts,
    digits=st.integers(0, 2),
    rounding=st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]),
)
def test_rounding_is_no_difference_and_anything_else_is(promoters: int, passives: int, detractors: int, digits: int, rounding: str) -> None:
    # A page that shows 41 for 40.6 would be accused of counting in another way; one that hides two points would not.
    n = promoters + passives + detractors
    if not n:
        return
    score = Decimal(100 * (promoters - detractors)) / n
    stated = score.quantize(Decimal(1).scaleb(-digits), rounding=rounding)
    row = {"stated_score": stated, "digits": digits, "stated_answers": n, "responses": n, "score": round(float(score), 4), "excluded": 0}
    assert reading(row)[0]
    off = row | {"stated_score": stated + 2 * Decimal(1).scaleb(-digits)}
    assert not reading(off)[0]
    assert "counted in another way" in reading(off)[1]
    assert reading(row | {"stated_answers": n + 3}) == (False, "3 of its answers are not here")
    assert reading(row | {"responses": 0}) == (False, "none of its answers is here")


@pytest.mark.parametrize(
    ("period", "starts_on", "ends_on"),
    [("month", "2024-02-01", "2024-02-29"), ("quarter", "2023-10-01", "2023-12-31"), ("year", "2024-01-01", "2024-12-31")],
)
def test_a_period_ends_where_the_calendar_says(period: Any, starts_on: str, ends_on: str) -> None:
    stated = StatedScore(provider="p", programme="q", period=period, starts_on=date.fromisoformat(starts_on), score=Decimal("41.50"))
    assert (stated.ends_on.isoformat(), stated.digits, StatedScore.model_validate(stated.model_dump() | {"score": 41}).digits) == (
        ends_on,
        2,
        0,
    )


def test_what_cannot_be_set_beside_ours_is_refused_with_its_place(tmp_path: Path) -> None:
    # A quarter that starts in February, or a month stated twice, would be compared with the wrong answers, or with itself.
    one = {"provider": "old", "programme": "visit", "period": "month", "starts_on": date(2024, 2, 1), "score": 41}
    wrong = [one, one | {"period": "quarter"}, one | {"score": 0.41, "starts_on": date(2024, 3, 1)}, one | {"score": 141}]
    company = {"name": "Example", "timezone": "Europe/Berlin", "currency": "EUR", "stated_scores": wrong}
    (tmp_path / "company.yml").write_text(yaml.safe_dump(company))
    (tmp_path / "sources.yml").write_text("survey: {entities: {survey_responses: {path: a.csv, columns: {score: nps}}}}")
    with pytest.raises(ShopkeeperError) as caught:
        load(tmp_path, {})
    told = str(caught.value).splitlines()
    for number, what in {1: "no quarter of the calendar starts on 2024-02-01", 3: "less than or equal to 100"}.items():
        assert any(f"stated_scores › {number}" in line and what in line for line in told), (number, told)
    company["stated_scores"] = [one, one, one | {"scale": "1-7"}]
    (tmp_path / "company.yml").write_text(yaml.safe_dump(company))
    with pytest.raises(ShopkeeperError, match="old states this month of visit twice") as caught:
        load(tmp_path, {})
    assert "1-7 has no bands" in str(caught.value)
    company["stated_scores"] = [one]
    (tmp_path / "company.yml").write_text(yaml.safe_dump(company))
    hashed = load(tmp_path, {}).config_hash
    company["stated_scores"] = []
    (tmp_path / "company.yml").write_text(yaml.safe_dump(company))
    assert load(tmp_path, {}).config_hash == hashed, "no mart is made of it: a new figure each month must not build everything anew"
