"""What is removed for age changes no mart, and what is removed for a person leaves marts that add up."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from world import World, at

from shopkeeper.company.config import Company
from shopkeeper.company.keeping import Privacy, Retention
from shopkeeper.privacy import retention
from shopkeeper.privacy.erasure.erasing import Asked, erase

pytestmark = pytest.mark.long

CORE = ("+_nps_counts",)
AS_OF = at("2026-02-01")
COMPANY = Company(name="Small", timezone="UTC", currency="EUR", privacy=Privacy(erased_answers="keep_anonymous"))
ANONYMOUS = "select to_jsonb(answers) as row from marts_next.fct_survey_responses as answers where provider = 'erased'"
NOBODYS = "sum(answers) as answers, sum(promoters) as promoters, sum(detractors) as detractors"


def answer(number: int, customer: str, score: int | None, day: str, **values: Any) -> dict[str, Any]:
    moment = at(day)
    of = {"native_id": f"R{number}", "customer_id": customer, "score": score, "scale": "0-10", "programme": "visit"}
    return {**of, "responded_at": moment, "updated_at": moment, **values}


@pytest.fixture(scope="module")
def company(world: World) -> World:
    """Three customers: one was asked by invitation, one changed segment between two answers, one corrected an answer."""
    world.settings.update(hidden_below=1, indicative_below=1)
    long_ago = at("2024-01-01")
    ids = ("CUST-0001", "CUST-0002", "CUST-0003")
    world.batch(
        "customers",
        [{"customer_id": c, "joined_on": long_ago.date(), "segment": "basic", "updated_at": long_ago} for c in ids],
        loaded_at=long_ago,
    )
    later = {"customer_id": ids[1], "joined_on": long_ago.date(), "segment": "gold", "updated_at": at("2026-01-15")}
    world.batch("customers", [later], loaded_at=at("2026-01-15"))
    visits = [{"interaction_id": f"I{n}", "customer_id": c, "occurred_at": at("2026-01-05")} for n, c in enumerate(ids)]
    world.batch("interactions", [{**visit, "outcome": "open", "updated_at": long_ago} for visit in visits], loaded_at=long_ago)
    world.batch(
        "interactions", [{**visit, "outcome": "paid", "updated_at": at("2026-01-06")} for visit in visits], loaded_at=at("2026-01-06")
    )
    wave = world.wave("visit", "w1", as_of=at("2026-01-06"), config={"kind": "transactional"})
    invitation = world.invite(wave, "visit", ids[0], at=at("2026-01-06"), interaction_id="I0")
    world.happen(invitation, "sent", at=at("2026-01-06"))
    world.batch("survey_responses", [answer(9, ids[2], 2, "2025-12-01", interaction_id="I2")], loaded_at=at("2025-12-02"))
    corrected = answer(9, ids[2], 9, "2025-12-01", interaction_id="I2", updated_at=at("2025-12-03"))
    world.batch("survey_responses", [corrected], loaded_at=at("2025-12-03"))
    world.batch(
        "survey_responses",
        [
            answer(1, ids[0], 10, "2026-01-07", interaction_id="I0", invitation_id=str(invitation)),
            answer(2, ids[0], 3, "2026-01-10"),
            answer(3, ids[1], 8, "2026-01-11"),
            answer(4, ids[1], 7, "2026-01-20"),
            answer(5, ids[0], None, "2026-01-12"),
        ],
        loaded_at=at("2026-01-21"),
    )
    return world


def test_what_was_too_old_is_not_missed_and_scores_stay_as_nobodys(company: World, tmp_path: Path) -> None:
    # A version that somebody still reads, removed for its age, changes last year's figures by night. Scores that were acted on must not
    # change because somebody left; and no row of any mart may lead to who it was.
    total = f"select {NOBODYS} from marts_next._nps_counts where dimension = 'all' and period_grain = 'month' and programme = 'visit'"
    others = "select * from marts_next.fct_survey_responses where customer_id <> 'CUST-0001' order by response_id"
    company.build(AS_OF, select=CORE, full_refresh=True, run_tests=False)
    before, theirs = company.rows(total), company.rows(others)
    assert sorted(row["segment"] for row in theirs if row["customer_id"] == "CUST-0002") == ["basic", "gold"]

    day, later = Retention(**dict.fromkeys(Retention.model_fields, 1)), AS_OF + timedelta(days=30)
    assert retention.remove_versions(company.engine, day, now=later) == {"raw.interactions": 3, "raw.survey_responses": 1}
    for remove in (retention.remove_rejects, retention.remove_events, retention.remove_evidence, retention.remove_texts):
        remove(company.engine, day, now=later)
    with company.engine.begin() as connection:
        connection.exec_driver_sql("create table marts.fct_survey_responses as table marts_next.fct_survey_responses")
    done = erase(company.engine, COMPANY, "CUST-0001", Asked("a letter", "ann", AS_OF, tmp_path), is_dry_run=False)
    assert done.kept_anonymous == 2, "the one without a score was never counted"

    assert company.build(AS_OF, select=CORE), "marts that held the person are not added to"
    assert company.rows(total) == before
    assert company.rows(others) == theirs
    rows = [row["row"] for row in company.rows(ANONYMOUS)]
    assert [row["excluded_reason"] for row in rows] == [None, None]
    told = {name for row in rows for name, value in row.items() if value is not None}
    assert not told & {"customer_id", "invitation_id", "interaction_id", "segment", "started_at", "invited_at", "locale"}
    assert "CUST-0001" not in json.dumps(rows)
