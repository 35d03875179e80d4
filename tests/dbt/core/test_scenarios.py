"""What happens to answers when records come late, leave, or have no date."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from world import World, at

pytestmark = pytest.mark.long

CORE = ("+nps_by_segment", "+nps_current", "+dim_accounts", "+dim_dates", "dim_products", "dim_org_units")


@pytest.fixture(scope="module")
def company(world: World) -> World:
    """A company in Berlin that shows every cell."""
    world.settings.update(company_timezone="Europe/Berlin", hidden_below=1, indicative_below=1)
    return world


def answer(number: int, **values: Any) -> dict[str, Any]:
    return {"native_id": f"R{number}", "scale": "0-10", "score": 10, "responded_at": at("2026-01-10"), **values}


def reasons(world: World) -> dict[int, str | None]:
    rows = world.rows("select score, excluded_reason from marts_next.fct_survey_responses")
    return {row["score"]: row["excluded_reason"] for row in rows}


def test_undated_answers_of_nobody_known_give_one_score_for_their_declared_period(company: World) -> None:
    """The counts of a real survey without dates: 8,465 promoters, 3,953 passives, 1,194 detractors."""
    company.forget()
    scores = [10] * 8465 + [7] * 3953 + [3] * 1194 + [None] * 342
    period = {"responded_at": None, "period_from": date(2025, 1, 1), "period_to": date(2025, 12, 31)}
    company.batch("survey_responses", [answer(number, score=score, **period) for number, score in enumerate(scores)])
    company.build(at("2026-02-01"), select=CORE, full_refresh=True)
    (cell,) = company.rows("select * from marts_next.nps_by_segment")
    (current,) = company.rows("select * from marts_next.nps_current")
    for row in (cell, current):
        assert (row["period_grain"], row["period_starts_on"], row["period_ends_on"]) == ("declared", date(2025, 1, 1), date(2025, 12, 31))
        assert (row["responses"], row["promoters"], row["passives"], row["detractors"]) == (13612, 8465, 3953, 1194)
        assert [round(float(row[name]), 2) for name in ("nps", "nps_low", "nps_high")] == [53.42, 52.31, 54.5]
        assert row["reporting"] == "reportable"
        assert row["response_rate"] is row["change"] is None
    assert company.rows("select count(*) as rows from marts_next.fct_survey_responses where excluded_reason = 'no_score'")[0]["rows"] == 342


def test_an_answer_counts_once_its_customer_is_known_and_stays_when_the_customer_leaves(company: World) -> None:
    company.forget()
    company.batch("customers", [{"customer_id": "C1", "joined_on": date(2025, 1, 1), "segment": "gold"}])
    company.batch("survey_responses", [answer(1, customer_id="C1", score=9), answer(2, customer_id="C2", score=8), answer(3, score=7)])
    company.build(at("2026-02-01"), select=CORE, full_refresh=True, run_tests=False)
    assert reasons(company) == {9: None, 8: "unknown_customer", 7: None}

    late = company.batch("customers", [{"customer_id": "C2", "joined_on": date(2025, 1, 1), "segment": "silver"}])
    assert not company.build(at("2026-02-01"), select=CORE, run_tests=False)
    assert reasons(company) == {9: None, 8: None, 7: None}

    company.batch("customers", [], deleted=[{"customer_id": "C1", "joined_on": date(2025, 1, 1), "segment": "gold"}])
    assert not company.build(at("2026-02-02"), select=CORE, run_tests=False)
    assert reasons(company)[9] is None
    assert [row["customer_id"] for row in company.rows("select customer_id from marts_next.dim_customers")] == ["C2"]

    company.withdraw(late)
    assert company.build(at("2026-02-02"), select=CORE, run_tests=False), "a batch that tables hold was withdrawn: they are made anew"
    assert reasons(company)[8] == "unknown_customer"


def test_the_day_of_an_answer_is_the_companys_and_as_of_cuts_to_the_moment(company: World) -> None:
    company.forget()
    late_evening = at("2026-01-31 23:30")  # in Berlin it is February
    company.batch(
        "survey_responses", [answer(1, score=9, responded_at=late_evening), answer(2, score=8, responded_at=at("2026-02-01 12:00"))]
    )
    company.build(at("2026-02-01 12:00"), select=CORE, full_refresh=True, run_tests=False)
    (row,) = company.rows("select * from marts_next.fct_survey_responses")
    assert (row["score"], row["responded_on"]) == (9, date(2026, 2, 1))
    months = company.rows("select period_starts_on, responses from marts_next.nps_by_segment where period_grain = 'month'")
    assert months == [{"period_starts_on": date(2026, 2, 1), "responses": 1}]

    assert not company.build(at("2026-02-01 12:01"), select=CORE, run_tests=False)
    assert set(reasons(company)) == {9, 8}


def test_an_answer_that_the_source_deletes_leaves_its_cells(company: World) -> None:
    company.forget()
    rows = [answer(1, score=9, responded_at=at("2026-01-10")), answer(2, score=2, responded_at=at("2026-02-10"))]
    company.batch("survey_responses", rows)
    company.build(at("2026-03-01"), select=CORE, full_refresh=True, run_tests=False)
    company.batch("survey_responses", [], deleted=rows[1:])
    assert not company.build(at("2026-03-02"), select=CORE, run_tests=False)
    assert reasons(company) == {9: None}
    found = company.rows("select period_starts_on, responses, nps from marts_next.nps_by_segment where period_grain in ('month', 'year')")
    assert {row["period_starts_on"]: (row["responses"], row["nps"]) for row in found} == {date(2026, 1, 1): (1, 100)}


def test_some_kept_marts_without_the_others_are_refused(company: World) -> None:
    company.forget()
    company.batch("survey_responses", [answer(1)])
    company.build(at("2026-03-01"), select=CORE, full_refresh=True, run_tests=False)
    with company.engine.begin() as connection:
        connection.exec_driver_sql("drop table marts_next._nps_counts")
    with pytest.raises(AssertionError, match="run dbt with --full-refresh"):
        company.build(at("2026-03-02"), select=CORE, run_tests=False)
