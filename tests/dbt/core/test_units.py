"""The unit tests that stand beside the models, and published counts, on a warehouse where every model has been built once."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from cans import CANS, OUTSIDE
from world import World, at, run_dbt

PARTS = (
    *("intermediate/customers", "intermediate/org", "intermediate/responses", "intermediate/nps", "marts/responses"),
    *("intermediate/closed_loop", "marts/closed_loop"),
)


@pytest.fixture(scope="module")
def built(world: World) -> World:
    world.batch("survey_responses", [])
    world.build(at("2026-02-01"))
    return world


def test_every_model_builds_and_passes_its_tests_on_an_empty_company_and_so_do_the_unit_tests(built: World) -> None:
    ran = run_dbt(built.folder, "test", "--select", *(f"models/{part},test_type:unit" for part in PARTS))
    assert len(ran) == 11, ran


def test_charts_of_published_counts(built: World) -> None:
    # Limits that two bad weeks have widened let the next bad week pass.
    weeks = [date(2025, 1, 6) + timedelta(weeks=number) for number in range(len(CANS))]
    columns = "cell_id, programme, metric, period_grain, dimension, dimension_value, answers, promoters, detractors, respondents,"
    columns += " sum_m_squared, sum_s_squared, sum_s_m, period_starts_on, period_ends_on"
    with built.engine.begin() as connection:
        connection.execute(
            sa.text(
                f"insert into marts_next._nps_counts ({columns}) values"
                " (gen_random_uuid(), 'cans', 'nps', 'week', 'all', 'all', 50, 0, :cans, 50, 50, :cans, -:cans, :week, :week + 6)"
            ),
            [{"cans": cans, "week": week} for cans, week in zip(CANS, weeks, strict=True)],
        )
    run_dbt(built.folder, "run", "--select", "control_charts")
    rows = built.rows("select * from marts_next.control_charts where programme = 'cans' order by period_starts_on")
    cans = [row for row in rows if row["chart"] == "detractor_share"]
    assert [float(row["value"]) for row in cans] == [2 * one for one in CANS]
    for row in cans:
        assert (float(row["centre"]), float(row["low"]), float(row["high"])) == pytest.approx((21.5, 4.070284, 38.92972), abs=5e-5)
    above = {number for number, row in enumerate(cans, 1) if "above the upper limit" in (row["signals"] or "")}
    assert above == OUTSIDE | {21}, "the third shows once the limits no longer make room for the other two"
    moves = [2 * abs(later - earlier) for earlier, later in pairwise(CANS)]
    middle, reach = -2 * sum(CANS) / len(CANS), 3 * sum(moves) / len(moves) / 1.128
    for row in (row for row in rows if row["chart"] == "nps_xmr"):
        limits = float(row["centre"]), float(row["low"]), float(row["high"])
        assert limits == pytest.approx((middle, middle - reach, middle + reach), abs=5e-5)
