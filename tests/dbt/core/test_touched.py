"""One late record at a time: the build that follows must find every answer and cell that it bears on, and nothing tells it which."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from world import World, at

pytestmark = pytest.mark.long

CORE = ("+nps_by_segment", "+nps_current", "+dim_accounts", "+dim_dates", "dim_products", "dim_org_units")
AS_OF = at("2026-03-10")


def customer(number: int, segment: str, updated: str) -> dict[str, Any]:
    return {"customer_id": f"C{number}", "segment": segment, "joined_on": date(2024, 1, 1), "updated_at": at(updated)}


def interaction(number: int, **values: Any) -> dict[str, Any]:
    row = {
        "interaction_id": f"I{number}",
        "customer_id": f"C{number}",
        "occurred_at": at("2026-01-05"),
        "channel": "shop",
        "product_id": "P1",
        "org_unit_id": "T1",
        "updated_at": at("2026-01-06"),
    }
    return {**row, **values}


def answer(number: int, day: str, score: int, **values: Any) -> dict[str, Any]:
    return {"native_id": f"R{number}", "responded_at": at(day), "score": score, "scale": "0-10", "updated_at": at(day), **values}


@pytest.fixture(scope="module")
def company(world: World) -> World:
    """Three customers; R1 and R2 are about interactions in January, R3 to R6 about the relationship in January and February."""
    world.settings.update(hidden_below=1, indicative_below=1)
    world.batch("org_units", [{"org_unit_id": "CO", "kind": "company"}])
    world.batch("org_units", [{"org_unit_id": unit, "kind": "region", "parent_id": "CO"} for unit in ("N", "S")])
    world.batch("org_units", [{"org_unit_id": "B1", "kind": "branch", "parent_id": "N"}])
    world.batch("org_units", [{"org_unit_id": team, "kind": "team", "parent_id": "B1"} for team in ("T1", "T2")])
    world.batch("employees", [{"employee_id": "E1", "org_unit_id": "T1"}])
    world.batch("products", [{"product_id": "P1", "category": "tools", "updated_at": at("2026-01-01")}])
    world.batch("customers", [customer(number, "gold", "2025-01-01") for number in (1, 2, 3)])
    world.batch("interactions", [interaction(1), interaction(2, org_unit_id=None, employee_id="E1")])
    world.batch(
        "survey_invitations",
        [
            {
                "invitation_id": f"V{number}",
                "customer_id": "C3",
                "programme": "relationship",
                "sent_at": at(day),
                "updated_at": at(day),
            }
            for number, day in ((3, "2026-01-20"), (4, "2026-02-20"))
        ],
    )
    world.batch(
        "survey_responses",
        [
            answer(1, "2026-01-10", 9, interaction_id="I1", programme="visit"),
            answer(2, "2026-01-11", 3, interaction_id="I2", programme="visit"),
            answer(3, "2026-01-21", 10, invitation_id="V3"),
            answer(4, "2026-02-21", 8, invitation_id="V4"),
            answer(5, "2026-01-15", 10, customer_id="C2", programme="relationship"),
            answer(6, "2026-02-15", 6, customer_id="C2", programme="relationship"),
        ],
    )
    assert world.build(AS_OF, select=CORE, run_tests=False)
    return world


def now(world: World, number: int, column: str) -> Any:
    """Of answer R<number>, after a build that adds."""
    assert not world.build(AS_OF, select=CORE, run_tests=False)
    key = f"response_id = ops.stable_id('response', 'crm' || chr(31) || 'R{number}')"
    (row,) = world.rows(f"select {column} as found from marts_next.fct_survey_responses where {key}")
    return row["found"]


def cell(world: World, programme: str, dimension: str, month: str) -> dict[str, dict[str, Any]]:
    rows = world.rows(
        f"select * from marts_next.nps_by_segment where programme = '{programme}' and dimension = '{dimension}' "
        f"and period_grain = 'month' and period_starts_on = '{month}-01'"
    )
    return {row["dimension_value"]: row for row in rows}


def test_a_customer_whose_segment_had_changed_before(company: World) -> None:
    company.batch("customers", [customer(1, "silver", "2026-01-03")])
    assert now(company, 1, "segment") == "silver"
    assert {value: row["responses"] for value, row in cell(company, "visit", "segment", "2026-01").items()} == {"silver": 1, "gold": 1}


def test_a_corrected_interaction(company: World) -> None:
    company.batch("interactions", [interaction(1, channel="phone", updated_at=at("2026-03-01"))])
    assert now(company, 1, "channel") == "phone"


def test_a_renamed_product_category(company: World) -> None:
    company.batch("products", [{"product_id": "P1", "category": "toys", "updated_at": at("2026-02-01")}])
    assert now(company, 1, "product_category") == "toys"
    assert set(cell(company, "visit", "product_category", "2026-01")) == {"toys"}


def test_a_branch_that_belongs_to_another_region(company: World) -> None:
    company.batch("org_units", [{"org_unit_id": "B1", "kind": "branch", "parent_id": "S", "updated_at": at("2026-02-01")}])
    assert now(company, 1, "org_region_id") == "S"


def test_an_employee_who_had_moved_to_another_team(company: World) -> None:
    assert now(company, 2, "team_id") == "T1"
    company.batch("employees", [{"employee_id": "E1", "org_unit_id": "T2", "valid_from": date(2026, 1, 2)}])
    assert now(company, 2, "team_id") == "T2"


def test_the_first_revenue_ever_and_a_late_posting(company: World) -> None:
    assert now(company, 1, "value_band") is None
    company.batch("revenue", [{"revenue_id": "N1", "customer_id": "C3", "booked_on": date(2026, 3, 1), "amount": 1}])
    assert now(company, 1, "value_band") == "low"
    company.batch("revenue", [{"revenue_id": "N2", "customer_id": "C1", "booked_on": date(2025, 6, 1), "amount": 800}])
    assert now(company, 1, "value_band") == "high"
    company.batch("service_costs", [{"cost_id": "S1", "interaction_id": "I1", "booked_on": date(2026, 1, 1), "amount": 400}])
    assert now(company, 1, "value_band") == "middle"


def test_what_a_customer_spends_with_others_and_a_late_posting_of_the_same_time(company: World) -> None:
    # Either changes what share of the wallet was ours when a customer answered, and neither is about the answer.
    company.batch("revenue", [{"revenue_id": "N1", "customer_id": "C3", "booked_on": date(2026, 3, 1), "amount": 1}])
    assert now(company, 1, "share_of_wallet_band") is None
    december = {"customer_id": "C1", "period_from": date(2025, 12, 1), "period_to": date(2025, 12, 31), "amount": 100}
    company.batch("category_spend", [december, {**december, "period_from": date(2026, 1, 1), "period_to": date(2026, 1, 31)}])
    assert now(company, 1, "share_of_wallet_band") == "under a quarter"
    company.batch("revenue", [{"revenue_id": "N4", "customer_id": "C1", "booked_on": date(2025, 12, 31), "amount": 60}])
    assert now(company, 1, "share_of_wallet_band") == "over a half"
    company.batch("category_spend", [{**december, "amount": 130, "updated_at": at("2026-03-01")}])
    assert now(company, 1, "share_of_wallet_band") == "up to a half"
    assert set(cell(company, "visit", "share_of_wallet_band", "2026-01")) == {"up to a half"}
    company.batch("revenue", [{"revenue_id": "N4", "customer_id": "C9", "booked_on": date(2025, 12, 31), "amount": 60}])
    assert now(company, 1, "share_of_wallet_band") == "under a quarter"


def test_a_cost_whose_interaction_turns_out_to_be_of_another_customer(company: World) -> None:
    company.batch("interactions", [interaction(9, customer_id="C3", occurred_at=at("2026-01-02"))])
    company.batch("service_costs", [{"cost_id": "S2", "interaction_id": "I9", "amount": 350}])
    assert now(company, 1, "value_band") == "middle"
    company.batch("interactions", [interaction(9, customer_id="C1", occurred_at=at("2026-01-02"), updated_at=at("2026-03-02"))])
    assert now(company, 1, "value_band") == "low"


def test_a_corrected_answer_changes_the_next_one_and_the_month_after(company: World) -> None:
    assert now(company, 6, "previous_score") == 10
    assert cell(company, "relationship", "all", "2026-02")["all"]["change"] == -150
    company.batch("survey_responses", [answer(5, "2026-01-15", 7, customer_id="C2", programme="relationship", updated_at=at("2026-03-01"))])
    assert now(company, 6, "previous_score") == 7
    assert cell(company, "relationship", "all", "2026-02")["all"]["change"] == -100


def test_an_invitation_that_went_to_somebody_else(company: World) -> None:
    moved = {"invitation_id": "V3", "customer_id": "C2", "programme": "relationship", "sent_at": at("2026-01-20")}
    company.batch("survey_invitations", [{**moved, "updated_at": at("2026-03-01")}])
    assert now(company, 3, "customer_id") == "C2"
    assert now(company, 6, "previous_score") == 10, "the answer before is now the one of V3"
    assert cell(company, "relationship", "all", "2026-01")["all"]["responses"] == 1, "two answers of one customer: the latest counts"


def test_an_invitation_whose_customer_only_its_interaction_knows(company: World) -> None:
    company.batch(
        "survey_invitations", [{"invitation_id": "V7", "interaction_id": "I7", "programme": "visit", "sent_at": at("2026-02-01")}]
    )
    about_another = answer(7, "2026-02-02", 9, invitation_id="V7", interaction_id="I1", programme="visit")
    company.batch("survey_responses", [about_another])
    assert now(company, 7, "customer_id") == "C1"
    company.batch("interactions", [interaction(7, customer_id="C3")])
    assert now(company, 7, "customer_id") == "C3"


def test_an_answer_that_was_given_in_another_month(company: World) -> None:
    company.batch("survey_responses", [answer(6, "2026-01-30", 6, customer_id="C2", programme="relationship", updated_at=at("2026-03-02"))])
    assert now(company, 6, "responded_on") == date(2026, 1, 30)
    assert cell(company, "relationship", "all", "2026-01")["all"]["nps"] == -100
    assert cell(company, "relationship", "all", "2026-02")["all"]["responses"] == 1


def test_a_customer_who_turns_out_to_be_another(company: World) -> None:
    # C2 is C3, and C3 is C1: what the three said and brought is one customer's, also what comes later under an old id.
    merged = [{**customer(number, "gold", "2026-03-04"), "merged_into": into} for number, into in ((2, "C3"), (3, "C1"))]
    company.batch("customers", merged)
    assert now(company, 5, "customer_id") == now(company, 4, "customer_id") == "C1"
    assert now(company, 4, "segment") == "silver", "who survives says what they are"
    assert cell(company, "relationship", "all", "2026-02")["all"]["responses"] == 1, "two answers of one customer: the latest counts"
    before = now(company, 4, "value_band")
    company.batch("revenue", [{"revenue_id": "N3", "customer_id": "C2", "booked_on": date(2026, 1, 30), "amount": 100_000}])
    assert (before, now(company, 4, "value_band")) == ("low", "high")
    company.batch("customers", [customer(2, "gold", "2026-03-05")])
    assert now(company, 5, "customer_id") == "C2", "a merge that was taken back"


def test_a_cohort_whose_days_to_be_answered_in_run_out(company: World) -> None:
    rates = {month: cell(company, "relationship", "all", month)["all"]["response_rate"] for month in ("2026-01", "2026-02")}
    assert rates == {"2026-01": 1, "2026-02": None}
    assert not company.build(at("2026-03-24"), select=CORE, run_tests=False)
    assert cell(company, "relationship", "all", "2026-02")["all"]["response_rate"] == 1
    assert cell(company, "relationship", "all", "2026-02")["all"]["cohort_invitations"] == 1


def test_after_all_that_a_build_from_scratch_makes_the_same(company: World) -> None:
    kept = company.checksums()
    assert company.build(at("2026-03-24"), full_refresh=True, select=CORE, run_tests=False)
    assert company.checksums() == kept


def test_in_the_hierarchy_of_a_day_what_was_done_before_counts_where_the_unit_then_stands(company: World) -> None:
    # A region is compared with what it is today, or with what it was: mixed, its score rises because a branch came.
    moved = {"org_unit_id": "B1", "kind": "branch", "parent_id": "W", "valid_from": date(2026, 3, 1)}
    company.batch("org_units", [{"org_unit_id": "W", "kind": "region", "parent_id": "CO"}, moved])
    assert not company.build(at("2026-03-24"), select=CORE, run_tests=False)
    as_it_was = cell(company, "visit", "org_region", "2026-01")
    company.settings["hierarchy_on"] = date(2026, 3, 5)
    assert company.build(at("2026-03-24"), full_refresh=True, select=CORE, run_tests=False)
    as_it_stands = cell(company, "visit", "org_region", "2026-01")
    assert set(as_it_stands) == {"W"}
    (before,) = set(as_it_was) - {"W"}
    figures = ("responses", "promoters", "detractors", "nps", "nps_low", "nps_high")
    assert [as_it_was[before][name] for name in figures] == [as_it_stands["W"][name] for name in figures]
