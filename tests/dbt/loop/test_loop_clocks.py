"""The loop's marts follow both clocks and whatever is decided, moved, redacted or taken back later: as if made from scratch."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import comparisons
import numpy as np
import pytest
import sqlalchemy as sa
from small_loop import AS_OF, MARTS, Loop, clock, key_of, response_id
from world import World, at, run_dbt

from shopkeeper.closed_loop import disputes

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def loop(world: World) -> Loop:
    return Loop(world)


def sums(world: World) -> dict[str, str]:
    return world.checksums("marts_next") | world.checksums("frontline_next")


def decide(loop: Loop, name: str, employee: str, **decision: Any) -> None:
    with loop.world.engine.begin() as connection:
        raised = disputes.dispute(connection, str(key_of(name)), employee_id=employee, reason="not_my_customer", now=at("2026-03-14"))
        disputes.decide(connection, raised, command_id=uuid4(), actor="M1", **decision)


def one(world: World, sql: str) -> dict[str, Any]:
    (row,) = world.rows(sql)
    return row


def employee_of(world: World, name: str) -> tuple[str, str] | None:
    rows = world.rows(f"select employee_id, unit_path from frontline_next.fct_employee_responses where response_id = '{response_id(name)}'")
    return (rows[0]["employee_id"], rows[0]["unit_path"]) if rows else None


def verbatim(world: World, name: str) -> str | None:
    (row,) = world.rows(f"select verbatim from marts_next.fct_survey_responses where response_id = '{response_id(name)}'")
    (mine,) = world.rows(f"select verbatim from frontline_next.fct_employee_responses where response_id = '{response_id(name)}'")
    assert row == mine
    words: str | None = row["verbatim"]
    return words


def test_what_was_known_then_gives_the_same_bytes_whatever_happened_since(world: World, loop: Loop) -> None:
    # A report of last month, made again, must be last month's report: or nobody can say what was decided upon.
    loop.do("attempt", "settled", "2026-03-13 15:00", actor="E1", reached=False)
    then = clock(world)
    world.build(AS_OF, known_at=then, select=MARTS, full_refresh=True, run_tests=False)
    before = sums(world)
    states = "select state, count(*) as n from marts_next.fct_work_orders group by 1 order by 1"
    assert world.rows(states) == [{"state": "open", "n": 4}]

    loop.do("attempt", "settled", "2026-03-14 16:00", actor="E1", reached=True, closes=True)
    decide(loop, "passive", "E2", verdict="upheld", to_employee_id="E1", now=at("2026-03-15"))
    loop.recover()
    world.build(AS_OF, known_at=then, select=MARTS, full_refresh=True, run_tests=False)
    # the recovery's answer came in a batch, which is known by when it was loaded
    changed = {name for name, checksum in sums(world).items() if checksum != before[name]}
    assert world.rows(states) == [{"state": "open", "n": 4}]
    assert not changed & {"fct_work_orders", "fct_contact_attempts"}
    again = sums(world)
    world.build(AS_OF, known_at=then, select=MARTS, full_refresh=True, run_tests=False)
    assert sums(world) == again

    world.build(AS_OF, select=MARTS, run_tests=False)
    assert world.rows(states) == [{"state": "closed", "n": 1}, {"state": "open", "n": 3}]
    assert employee_of(world, "passive") == ("E1", "/HQ/R1/B1/T1/")
    # before the second call had been made, whatever is known of it now
    world.build(at("2026-03-14 12:00"), select=MARTS, run_tests=False)
    assert world.rows("select sum(attempts) as n, max(state) as state from marts_next.fct_work_orders") == [{"n": 1, "state": "open"}]


def test_a_build_that_adds_holds_what_a_build_from_scratch_holds(world: World, loop: Loop) -> None:
    loop.say("forgotten", "Ask Smith or Doe")
    assert world.build(AS_OF, select=(*MARTS, "assert_performance_adds_up_to_orders"), full_refresh=True)

    decide(loop, "forgotten", "E1", verdict="upheld", to_employee_id="E3", now=at("2026-03-26"))
    assert not world.build(AS_OF, select=MARTS, run_tests=False)
    assert employee_of(world, "forgotten") == ("E3", "/HQ/R2/B2/T2/")
    assert verbatim(world, "forgotten") == "Ask [name] or Doe"

    # a name that nobody knew, in words of long ago
    with world.engine.begin() as connection:
        anew = "update ops.redacted_verbatims set verbatim = 'Ask [name] or [name]', build_id = (select max(build_id) + 1 from ops.builds)"
        connection.execute(sa.text(anew))
    decide(loop, "forgotten", "E1", verdict="rejected", to_employee_id=None, now=at("2026-03-27"))
    decide(loop, "thanked", "E1", verdict="upheld", to_employee_id=None, now=at("2026-03-27"))
    assert not world.build(AS_OF, select=MARTS, run_tests=False)
    assert (employee_of(world, "forgotten"), employee_of(world, "thanked")) == (("E1", "/HQ/R1/B1/T1/"), None)
    assert verbatim(world, "forgotten") == "Ask [name] or [name]"

    # the customer takes the words back; another employee had served the customer; the branch is to move to another region
    loop.say("forgotten", None, batch_id=world.batch("survey_responses", []), moment="2026-03-28")
    visit = {"customer_id": "C1", "employee_id": "E2", "occurred_at": at("2026-03-11 09:00"), "updated_at": at("2026-03-29")}
    world.batch("interactions", [{"interaction_id": "I-settled", **visit}])
    world.batch("org_units", [{"org_unit_id": "B1", "parent_id": "R2", "kind": "branch", "valid_from": date(2026, 4, 10)}])
    loop.do("attempt", "fallen", "2026-03-16 10:00", actor="E2", reached=True, closes=True)
    assert not world.build(AS_OF, select=MARTS, run_tests=False)
    assert employee_of(world, "settled") == ("E2", "/HQ/R1/B1/T1/")
    assert verbatim(world, "forgotten") is None

    # the day of the move comes, and nothing else that is about these answers
    loop.do("reopen", "fallen", "2026-04-02 10:00", actor="M1", reason="not_solved")
    assert not world.build(at("2026-04-20"), select=MARTS, run_tests=False)
    assert employee_of(world, "settled") == ("E2", "/HQ/R2/B1/T1/")
    added = sums(world)
    assert world.build(at("2026-04-20"), select=MARTS, full_refresh=True, run_tests=False)
    assert {name for name, checksum in sums(world).items() if checksum != added[name]} == set()


def test_an_effect_is_that_of_the_draw_weighted_for_who_did_not_answer(world: World, loop: Loop) -> None:
    # Who answers again is not like who does not: an effect among those who answered would be that of answering.
    delays = {f"X{seed}": comparisons.draw(seed, 600, effect=30) for seed in range(3)}
    delays |= {
        "some of a kind": comparisons.draw(9, 120, effect=30),
        "few of a kind": comparisons.draw(7, 60, effect=30),
        "very few": comparisons.draw(8, 14, effect=0),
    }
    comparisons.write(world, delays)
    run_dbt(world.folder, "run", "--select", "int_closed_loop__effects", "closed_loop_performance")
    found = comparisons.found(world)
    for name, delay in delays.items():
        assert found[name] == pytest.approx(comparisons.estimate(delay), abs=1e-6), name
    year = one(world, "select * from marts_next.closed_loop_performance where dimension = 'all' and period_grain = 'year'")
    assert (year["effect_verdict"], year["is_effect_usable"]) == ("usable", True)
    assert float(year["effect_low"]) < 30 < float(year["effect_high"])
    comparisons.write(world, {"very few": delays["few of a kind"]})
    run_dbt(world.folder, "run", "--select", "int_closed_loop__effects", "closed_loop_performance")
    year = one(world, "select * from marts_next.closed_loop_performance where dimension = 'all' and period_grain = 'year'")
    assert (year["effect_verdict"], year["effect"]) == ("not estimable: too few answered again", None)


def test_intervals_of_the_effect_hold_the_truth_as_often_as_they_say(world: World, loop: Loop) -> None:
    # Half of all unhappy customers leave the band by chance: an interval that is too short finds an effect of anything.
    world.build(AS_OF, select=MARTS, full_refresh=True, run_tests=False)
    truth, seeds = 20.0, 200
    delays = {f"S{seed}": comparisons.draw(seed, 900, effect=truth) for seed in range(seeds)}
    comparisons.write(world, delays)
    run_dbt(world.folder, "run", "--select", "int_closed_loop__effects")
    found = comparisons.found(world)
    covered = sum(abs(effect - truth) <= half_width for effect, half_width in found.values())
    naive = [np.nanmean(one.mark[one.is_treated]) - np.nanmean(one.mark[~one.is_treated]) for one in delays.values()]
    assert covered >= 182, covered
    assert abs(np.mean([effect for effect, _ in found.values()]) - truth) < 1.5
    assert abs(np.mean(naive) - truth) > 5, "those who answer are not alike in both arms: without weights it would be wrong"
