"""Whom a wave asks: published numbers, stated probabilities, and the same answer whenever it is asked again."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.survey.conftest import MakeProgrammes
from tests.survey.people import customer, customers, employee, interaction, put

from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import ledger, random_numbers
from shopkeeper.survey.allocation import allocate
from shopkeeper.survey.sampling import draw, preview

MONDAY = datetime(2026, 1, 5, 1, tzinfo=UTC)
FREE = {"any_programme_days": 0, "after_decline_days": 0}


def rows(engine: sa.Engine, query: str, **binds: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), binds).all())


# --- published numbers ------------------------------------------------------------------------------------------------


def test_random_numbers_are_the_published_ones_in_python_and_in_the_database(warehouse: sa.Engine) -> None:
    # An auditor must be able to redo a sample with nothing but the salt, years later.
    published = {"C000001": 0.47204386, "C000002": 0.28121932, "C000003": 0.80386412}
    ids = [*published, "", "O'Neill", "Köln|7", "x" * 300]
    query = f"select id, {random_numbers.sql('nps-2026Q1', 'id')} from unnest(cast(:ids as text[])) as ids (id)"
    found = dict(rows(warehouse, query, ids=ids))
    assert {one: round(found[one], 8) for one in published} == published
    assert found == {one: random_numbers.random_number("nps-2026Q1", one) for one in ids}


def test_neyman_allocation_is_the_published_one() -> None:
    assert allocate(261, {"a": 1540, "b": 770, "c": 385}, {"a": 2.6, "b": 3, "c": 3.3}) == {"a": 138, "b": 79, "c": 44}


strata = st.lists(st.tuples(st.sampled_from([0, 1, 2, 5, 10, 100]), st.sampled_from([0.0, 0.1, 0.5, 1.0])), max_size=6)


@given(strata, st.integers(0, 150), st.sampled_from([0, 3, 20]), st.booleans())
def test_an_allocation_adds_up_and_asks_no_stratum_for_more_than_it_has(
    parts: list[tuple[int, float]], n: int, floor: int, is_neyman: bool
) -> None:
    sizes = {place: size for place, (size, _) in enumerate(parts)}
    found = allocate(n, sizes, {place: s for place, (_, s) in enumerate(parts)} if is_neyman else None, floor=floor)
    assert sum(found.values()) == max(min(n, sum(sizes.values())), sum(min(floor, size) for size in sizes.values()))
    assert all(min(floor, size) <= found[place] <= size for place, size in sizes.items())


# --- stated probabilities ---------------------------------------------------------------------------------------------


def test_who_is_drawn_agrees_with_the_stated_probabilities(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    """A weight is 1 / probability: were the probability another than stated, every weighted score would be wrong unseen.

    Each programme is another salt. Two customers share an address, strata differ in size, and one customer has three interactions.
    """
    people = [
        customer(f"C{n:03}", segment="few" if n < 8 else "many", email="both@x.example" if n in (1, 20) else f"c{n}@x.example")
        for n in range(40)
    ]
    put(warehouse, "customers", people)
    happened = [interaction(f"I{n}", f"C{n // 3 if n < 3 else n:03}", MONDAY - timedelta(days=1, minutes=n)) for n in range(20)]
    put(warehouse, "interactions", happened)
    cadence = {"quarantine_days": 0, "sampling": {"take": "stratified", "by": "customer.segment", "n": 12, "floor": 5}}
    after = {"kind": "transactional", "after": {}, "quarantine_days": 0, "sampling": {"take": "fraction", "fraction": 0.4}}
    folder = make_programmes(quarantine=FREE, **{f"p{n}": cadence for n in range(30)}, **{f"t{n}": after for n in range(30)})
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    for kind in ("p", "t"):
        frames = rows(
            warehouse,
            "select coalesce(interaction_id, customer_id) as unit, programme, outcome, reason, inclusion_probability as probability"
            " from quality.wave_frames inner join ops.waves using (wave_id) where programme like :kind",
            kind=f"{kind}%",
        )
        # Who lost his place to another record of himself had the chance that he has where he keeps it.
        usual = {row.unit: float(row.probability) for row in frames if row.probability is not None}
        expected, variance, hits = Counter[str](), Counter[str](), Counter[str]()
        for row in frames:
            chance = usual[row.unit] if row.probability is None else float(row.probability)
            expected[row.unit] += chance
            variance[row.unit] += chance * (1 - chance)
            hits[row.unit] += row.outcome == "drawn"
        assert len(expected) == (40 if kind == "p" else 20)
        for unit in expected:
            assert abs(hits[unit] - expected[unit]) <= 4.5 * math.sqrt(variance[unit]) + 0.5, (unit, hits[unit], expected[unit])
        assert abs(hits.total() - expected.total()) <= 4.5 * math.sqrt(variance.total())
        if kind == "p":
            assert {usual["C001"], usual["C020"]} == {round(5 / 8 / 2, 12), round(7 / 32 / 2, 12)}
        else:
            assert (usual["I0"], usual["I5"]) == (round(0.4 / 3, 12), 0.4)


def test_a_stratified_sample_has_the_size_that_was_asked_and_weights_that_add_up(
    warehouse: sa.Engine, make_programmes: MakeProgrammes
) -> None:
    put(warehouse, "customers", [*customers(300), *customers(60, first=301, segment="key"), *customers(40, first=361, segment=None)])
    folder = make_programmes(relationship={"sampling": {"take": "stratified", "by": "customer.segment", "n": 101, "floor": 20}})
    (wave,) = draw(warehouse, folder, as_of=MONDAY, now=MONDAY).waves
    assert (wave.candidates, wave.turned_away, wave.drawn) == (400, 0, 101)
    found = rows(warehouse, "select stratum, count(*), round(sum(design_weight), 2) from ops.invitations group by stratum order by 2, 1")
    assert [(name, n, round(total)) for name, n, total in found] == [("key", 20, 60), (None, 20, 40), ("private", 61, 300)]


def test_neyman_asks_more_where_answers_differ_more(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", [*customers(200), *customers(200, first=201, segment="key")])
    answered = [
        {
            "native_id": f"R{n}",
            "provider": "p",
            "customer_id": f"C{n:06}",
            "programme": "relationship",
            "score": 10 if n > 200 or n % 2 else 0,
        }
        for n in [*range(1, 61), *range(201, 261)]
    ]
    put(warehouse, "survey_responses", answered)
    sampling = {"take": "stratified", "by": "customer.segment", "n": 100, "allocation": "neyman"}
    draw(warehouse, make_programmes(relationship={"sampling": sampling}), as_of=MONDAY, now=MONDAY)
    found = dict(rows(warehouse, "select stratum, count(*) from ops.invitations group by stratum"))
    assert found["private"] > 70  # half of them love us and half hate us; the others are content to a man


def test_the_arms_of_a_split_test_are_a_draw_of_their_own(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # If the arm hung on the number that decides who is drawn, a small sample would have one arm only.
    put(warehouse, "customers", customers(2000))
    test = {"varies": "time", "arms": {"early": {"share": 0.25}, "late": {"share": 0.75, "window": {"starts": "15:00", "ends": "17:00"}}}}
    folder = make_programmes(relationship={"sampling": {"take": "fraction", "fraction": 0.3}, "split_tests": {"hour": test}})
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    found = rows(
        warehouse,
        "select arms ->> 'hour', count(*), min(local), max(local) from ops.invitations"
        " cross join lateral (select cast(due_at at time zone 'Europe/Berlin' as time) as local) as clock group by 1 order by 1",
    )
    (early, n_early, *morning), (late, n_late, *afternoon) = found
    assert (early, late) == ("early", "late")
    assert abs(n_early - 150) < 50
    assert abs(n_late - 450) < 70
    assert [moment.hour for moment in (*morning, *afternoon)] == [5, 9, 15, 16]


# --- drawn once -------------------------------------------------------------------------------------------------------

FROZEN = """
    select (select md5(string_agg(f::text, '|' order by f::text)) from quality.wave_frames as f),
        (select md5(string_agg(i::text, '|' order by i::text)) from ops.invitations as i),
        (select md5(string_agg(q::text, '|' order by q::text)) from ops.send_queue as q)
"""


def test_the_same_wave_drawn_again_is_identical_even_from_nothing(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", customers(300))
    put(warehouse, "interactions", [interaction(f"I{n}", f"C{n % 70 + 1:06}", MONDAY - timedelta(days=2, minutes=n)) for n in range(150)])
    folder = make_programmes(
        claims={"kind": "transactional", "after": {}, "sampling": {"take": "fraction", "fraction": 0.5}},
        relationship={"sampling": {"take": "n", "n": 60}},
    )
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    before = rows(warehouse, FROZEN)
    again = draw(warehouse, folder, as_of=MONDAY, now=MONDAY + timedelta(hours=3))
    assert not any(wave.is_new for wave in again.waves)
    assert rows(warehouse, FROZEN) == before
    with warehouse.begin() as connection:
        connection.execute(sa.text("truncate ops.waves, quality.wave_frames, ops.invitations, ops.send_queue"))
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY + timedelta(hours=5))
    assert rows(warehouse, FROZEN) == before


def test_a_programme_changed_in_the_middle_of_a_wave_changes_nothing_of_that_wave(
    warehouse: sa.Engine, make_programmes: MakeProgrammes
) -> None:
    put(warehouse, "customers", customers(100))
    asked = {"reason": {}, "score": {}, "ease": {}}
    first = make_programmes(relationship={"sampling": {"take": "n", "n": 10}, "questions": asked})
    draw(warehouse, first, as_of=MONDAY, now=MONDAY)
    before = rows(warehouse, FROZEN)
    changed = make_programmes(relationship={"sampling": {"take": "all"}, "expires_after_days": 2})
    assert not draw(warehouse, changed, as_of=MONDAY + timedelta(days=1), now=MONDAY + timedelta(days=1)).waves[0].is_new
    assert rows(warehouse, FROZEN) == before
    ((config, config_hash),) = rows(warehouse, "select config, config_hash from ops.waves")
    assert (config_hash, config["sampling"]["n"], list(config["questions"])) == (
        first.programmes.config_hash("relationship"),
        10,
        list(asked),
    )


def test_an_outage_skips_no_one(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    """Runs that stopped for a day, or data that came late, must lead to the same people being judged as if nothing had been amiss."""
    put(warehouse, "customers", customers(80))
    started = MONDAY - timedelta(days=3)
    happened = [interaction(f"I{n:02}", f"C{n + 1:06}", started + timedelta(hours=n)) for n in range(72)]
    put(warehouse, "interactions", happened[::2])
    folder = make_programmes(claims={"kind": "transactional", "after": {"too_old_days": 2}})
    for hour in (0, 1, 2, 30, 31, 72):
        if hour == 30:
            put(warehouse, "interactions", happened[1::2])  # the other half of the calls reaches us only now
        draw(warehouse, folder, as_of=started + timedelta(hours=hour), now=MONDAY)
    frames = rows(warehouse, "select interaction_id, outcome, reason from quality.wave_frames order by 1")
    assert [one for one, _, _ in frames] == [f"I{n:02}" for n in range(72)]  # each judged, and judged once
    assert Counter((outcome, reason) for _, outcome, reason in frames) == {("drawn", None): 72}
    late = interaction("late", "C000079", started - timedelta(days=1, hours=23), updated_at=None)
    put(warehouse, "interactions", [late])
    draw(warehouse, folder, as_of=MONDAY + timedelta(hours=1), now=MONDAY)
    assert rows(warehouse, "select outcome, reason from quality.wave_frames where interaction_id = 'late'") == [("turned_away", "too_old")]


def test_a_cadence_draws_late_rather_than_never_and_says_what_it_missed(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", customers(20))
    folder = make_programmes(
        relationship={"kind": "relationship", "cadence": {"every_days": 7, "starts_on": date(2026, 1, 5)}, "quarantine_days": 0},
        quarantine=FREE,
    )
    draw(warehouse, folder, as_of=MONDAY + timedelta(days=2), now=MONDAY)
    ((first, due),) = rows(warehouse, "select min(name), min(due_at) from ops.waves inner join ops.invitations using (wave_id)")
    assert (first, due.date()) == ("2026-01-05", date(2026, 1, 7))
    assert draw(warehouse, folder, as_of=MONDAY + timedelta(days=22), now=MONDAY).waves[0].missed == ("2026-01-12", "2026-01-19")
    before = draw(warehouse, folder, as_of=MONDAY + timedelta(days=8), now=MONDAY)
    assert (before.waves, before.nothing[0].reason) == ((), "its wave of 2026-01-26 has been drawn")
    assert "first wave begins on 2026-01-05" in draw(warehouse, folder, as_of=MONDAY - timedelta(days=9), now=MONDAY).nothing[0].reason


def test_programmes_that_may_not_be_drawn_are_refused_or_left_alone(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    folder = make_programmes(relationship={}, sleeping={"is_active": False})
    assert [wave.programme for wave in draw(warehouse, folder, as_of=MONDAY, now=MONDAY).waves] == ["relationship"]
    for name, says in (("relationshp", "did you mean relationship"), ("sleeping", "not active")):
        with pytest.raises(ShopkeeperError, match=says):
            draw(warehouse, folder, as_of=MONDAY, now=MONDAY, programmes=[name])


def test_a_preview_is_what_the_draw_then_does_and_writes_nothing(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", [*customers(90), *customers(30, first=91, segment="key"), customer("C9", email=None)])
    sampling = {"take": "stratified", "n": 40, "by": "customer.segment"}
    cadence = {"every_days": 91, "starts_on": "2026-01-05", "spread_days": 7}
    folder = make_programmes(relationship={"sampling": sampling, "kind": "relationship", "cadence": cadence})
    shown = preview(warehouse, folder, "relationship", as_of=MONDAY, now=MONDAY)
    assert rows(warehouse, "select count(*) from ops.waves") == [(0,)]
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    assert shown.drawn == dict(rows(warehouse, "select stratum, count(*) from ops.invitations group by 1"))
    assert shown.due == dict(
        rows(warehouse, "select cast(due_at at time zone 'Europe/Berlin' as date), count(*) from ops.invitations group by 1")
    )
    assert shown.turned_away == {"no_email": 1}
    assert set(shown.due) == {date(2026, 1, 5) + timedelta(days=n) for n in range(5)}  # not at the weekend
    assert preview(warehouse, folder, "relationship", as_of=MONDAY, now=MONDAY).name == "2026-04-06"


def test_employees_are_asked_in_programmes_of_their_own(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    moved = [
        employee("E1", valid_from=None, role="agent"),
        employee("E1", valid_from=date(2026, 1, 1), role="lead", email="new@work.example"),
    ]
    put(warehouse, "employees", [*moved, employee("E2"), employee("E3", role="lead", valid_from=date(2027, 1, 1))])
    put(warehouse, "customers", customers(5))
    staff = {"kind": "employee", "cadence": {"every_days": 30, "starts_on": date(2026, 1, 5)}, "eligibility": "employee.role == 'lead'"}
    draw(warehouse, make_programmes(staff=staff), as_of=MONDAY, now=MONDAY)
    assert rows(warehouse, "select customer_id, employee_id from ops.invitations") == [(None, "E1")]
    assert dict(rows(warehouse, "select customer_id, reason from quality.wave_frames")) == {"E1": None, "E2": "not_eligible"}


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_a_quota_that_is_met_ends_the_asking_there_and_its_answers_have_no_weight(
    warehouse: sa.Engine, make_programmes: MakeProgrammes
) -> None:
    put(warehouse, "customers", [*customers(30), *customers(20, first=31, segment="key"), *customers(5, first=51, segment="never")])
    sampling = {"take": "all", "by": "customer.segment", "quotas": {"key": 3, "never": 0}}
    folder = make_programmes(relationship={"sampling": sampling})
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    weights = dict(rows(warehouse, "select stratum, max(design_weight) from ops.invitations group by 1"))
    assert weights == {"private": 1, "key": None}
    assert rows(warehouse, "select distinct reason from quality.wave_frames where stratum = 'never'") == [("quota_reached",)]
    waiting = "select stratum, count(*) from ops.send_queue inner join ops.invitations using (invitation_id) group by 1 order by 1"
    for answered, left in ((2, [("key", 20), ("private", 30)]), (3, [("private", 30)])):
        with warehouse.begin() as connection:
            for (one,) in rows(
                warehouse, "select invitation_id from ops.invitations where stratum = 'key' order by 1 limit :n", n=answered
            ):
                ledger.record(connection, one, "completed", occurred_at=MONDAY)
        draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
        assert rows(warehouse, waiting) == left
    stopped = rows(
        warehouse, "select event, message, reason, count(*) from ops.invitation_events where event <> 'completed' group by 1, 2, 3"
    )
    assert stopped == [("not_sent", "invitation", "quota_reached", 20)]
