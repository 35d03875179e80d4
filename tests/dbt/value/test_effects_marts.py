"""What a band and an offer are worth, from raw rows to marts: a company in which both are known, because they were planted."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from scipy.special import expit
from world import World, at, run_dbt

from shopkeeper.analysis.drivers import publication as drivers
from shopkeeper.analysis.drivers import reading as driver_answers
from shopkeeper.analysis.effects import band_conversions, offers
from shopkeeper.analysis.initiatives import publication as initiatives
from shopkeeper.company.config import Company
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.initiative_tables import INITIATIVE_EVENTS

AS_OF = at("2026-01-01")
ASKED = date(2024, 10, 15)
CALLED = date(2025, 11, 10)
WORTH = 30  # euros a band
COUNT, SILENT, NEW = 900, 300, 40
RANDOM = np.random.default_rng(7)
TENURE = RANDOM.normal(size=COUNT + SILENT + NEW)
BAND = np.searchsorted([-0.7, 0.7], TENURE + RANDOM.logistic(0, 0.8, len(TENURE)))
SCORE = np.array([3, 7, 10])
OFFER_SHIFT = 1.0
OFFERED = RANDOM.random(COUNT) < expit(1.2 * TENURE[:COUNT] - 0.3)
THOUGHT = 1.2 * TENURE[:COUNT] + OFFER_SHIFT * OFFERED + RANDOM.logistic(0, 1, COUNT)
SCORE_AFTER_CALL = SCORE[np.searchsorted([-0.5, 0.5], THOUGHT)]
# whoever waited in a long queue thinks less of it, four times out of five; who that is was drawn by lot
LUCK = THOUGHT - 1.2 * TENURE[:COUNT] - OFFER_SHIFT * OFFERED
WAITED = (LUCK < 0) ^ (np.arange(COUNT) % 5 == 0)
SETTLED_AFTER = (0, 2, 6)  # days, in turn


def _at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def _rows() -> dict[str, list[dict[str, Any]]]:
    """Customers of a year or more, half of them silent; newcomers at the end, whom the study leaves out."""
    names = [f"C{i:04}" for i in range(len(TENURE))]
    days = np.where(np.arange(len(TENURE)) < COUNT + SILENT, np.rint(365 * np.exp(1 + TENURE / 4)).astype(int) + 5, 200)
    before, after = ASKED - timedelta(days=365), ASKED + timedelta(days=365)
    booked = []
    for i, name in enumerate(names):
        value = 400 + 60 * TENURE[i]
        earlier, later = value + RANDOM.normal(0, 20), value + WORTH * BAND[i] + RANDOM.normal(0, 20)
        # the first and the last day of each year count; the day of asking and the days beyond do not
        amounts = [(before, earlier + 1), (after, later + 1)]
        traps = [(before - timedelta(days=1), 9999), (ASKED, 5000), (after + timedelta(days=1), 7777)]
        booked += [(name, day, amount, i) for day, amount in [*amounts, *(traps if i % 9 == 0 else [])]]
    asked = [i for i in range(len(names)) if i < COUNT or TENURE[i] > -1]
    relationship = {"provider": "file", "programme": "relationship", "scale": "0-10"}
    return {
        "customers": [
            {
                "customer_id": name,
                "segment": "private",
                "region": "north" if i % 2 else None,
                "joined_on": ASKED - timedelta(days=int(days[i])),
                "is_staff": i == 1,
            }
            for i, name in enumerate(names)
        ],
        "revenue": [
            {
                "revenue_id": f"R{number}",
                "customer_id": name,
                "booked_on": day,
                "amount": Decimal(f"{amount + 10:.2f}"),
                "direct_cost": Decimal(10),
                "currency": "EUR",
            }
            for number, (name, day, amount, _) in enumerate(booked)
        ],
        "service_costs": [
            {"cost_id": f"S{i}{day}", "customer_id": name, "booked_on": day, "amount": Decimal(1)}
            for i, name in enumerate(names)
            for day in (before, after)
        ],
        "survey_invitations": [
            {"invitation_id": f"V{i}", "customer_id": names[i], "programme": "relationship", "sent_at": _at(ASKED)} for i in asked
        ],
        "survey_responses": [
            {"native_id": f"A{i}", "invitation_id": f"V{i}", "responded_at": _at(ASKED, 12), "score": int(SCORE[BAND[i]]), **relationship}
            for i in [*range(COUNT), *range(COUNT + SILENT, len(names))]
            if i in set(asked)
        ]
        + [
            {
                "native_id": f"T{i}",
                "customer_id": names[i],
                "interaction_id": f"I{i}",
                "responded_at": _at(CALLED + timedelta(days=12), 12),
                "score": int(SCORE_AFTER_CALL[i]),
                **relationship,
                "programme": "after a call",
                "answers": {"reason": "price" if i % 2 else "speed", "heard_from": "a friend"},
            }
            for i in range(COUNT)
        ],
        "interactions": [
            {
                "interaction_id": f"I{i}",
                "customer_id": names[i],
                "occurred_at": _at(CALLED),
                "resolved_at": _at(CALLED + timedelta(days=SETTLED_AFTER[i % 3]), 10),
                "interaction_type": "call",
                "channel": "phone",
                "attributes": {"queue": "long" if WAITED[i] else "short"},
            }
            for i in range(COUNT)
        ]
        + [
            {"interaction_id": f"J{i}-{day}", "customer_id": names[i], "occurred_at": _at(ASKED - timedelta(days=day)), "channel": "phone"}
            for i in range(0, COUNT, 3)
            for day in (365, 1)
        ],
        "complaints": [
            # known the day before, and a day too late
            {"complaint_id": f"P{i}{day}", "customer_id": names[i], "opened_at": _at(ASKED + timedelta(days=day))}
            for i in range(0, COUNT, 10)
            for day in (-1, 0)
        ]
        + [
            {"complaint_id": f"Q{i}", "customer_id": names[i], "opened_at": _at(CALLED - timedelta(days=i % 2))} for i in range(0, COUNT, 7)
        ],
        "offers": [
            {
                "offer_id": f"O{i}",
                "interaction_id": f"I{i}",
                "customer_id": names[i],
                "offer_type": "upgrade",
                "presented_at": _at(CALLED),
                "accepted_at": _at(CALLED, 10) if i % 2 else None,
            }
            for i in np.flatnonzero(OFFERED)
        ],
    }


ROWS = _rows()
# as reading their words would leave them: half of the answers were given in words, and half of these are about price, which is about money
THEMES_READ = (
    "insert into ops.themes (theme, name, parent, position) values ('money', 'Money', null, 1), ('price', 'Price', 'money', 2)",
    """insert into analysis.theme_readings (response_id, words, language, method, themes)
    select response_id, cast(md5('') as uuid), 'en', '',
        case when right(customer_id, 1) in ('1', '5') then array['money', 'price'] else '{}' end
    from marts_next.fct_survey_responses where right(customer_id, 1) in ('1', '3', '5', '7', '9')""",
)


def _decided(name: str, event: str, day: str, **columns: Any) -> dict[str, Any]:
    given = {column.name: None for column in INITIATIVE_EVENTS.columns if column.name != "event_id"}
    asked = {"initiative_id": name, "event": event, "command_id": stable_id(name, event, day), "actor": "LEA"}
    return given | asked | {"occurred_at": at(day), "recorded_at": at("2026-01-01"), **columns}


PLAN = {"title": "A promise", "came_from": "leaders", "programme": "after a call", "dimension": "all", "dimension_value": "all"}
DECIDED = [
    _decided("answer-at-once", "proposed", "2025-01-02", **PLAN | {"cost": 500, "confidence": Decimal("0.5")}),
    _decided("fairer-prices", "proposed", "2025-01-02", **PLAN | {"theme": "price", "cost": 50, "confidence": Decimal("0.1")}),
    _decided("fairer-prices", "revised", "2025-02-01", **PLAN | {"theme": "price", "cost": 50, "confidence": Decimal("0.9")}),
    _decided("fairer-prices", "funded", "2025-02-02"),
    _decided("open-on-sundays", "proposed", "2025-01-03", **PLAN | {"cost": 1, "confidence": 1}),
    _decided(
        *("open-on-sundays", "measure_registered", "2025-03-05"),
        **{"measure": "nps", "measure_programme": "after a call", "measure_dimension": "all", "measure_value": "all"},
        measure_units="B1",
    ),
    _decided("open-on-sundays", "funded", "2025-03-04"),
    _decided("open-on-sundays", "started", "2025-03-06", happened_on=date(2025, 3, 4)),
    _decided("open-on-sundays", "done", "2025-04-06", happened_on=date(2025, 4, 6)),
    _decided("open-on-sundays", "verified", "2026-01-02"),  # after as_of: not yet
]


@pytest.fixture(scope="module")
def built(world: World) -> World:
    """Built in two parts with the analyses between, as the pipeline does it."""
    for entity, rows in ROWS.items():
        world.batch(entity, rows)
    with world.engine.begin() as connection:
        connection.execute(sa.insert(INITIATIVE_EVENTS), DECIDED)
    first_half = ["+int_band_conversions__study", "+int_offers__answers", "+int_drivers__answers", "+int_initiatives__told"]
    world.build(AS_OF, select=[*first_half, "+dim_customers", "+int_customers__values"], run_tests=False)
    with world.engine.begin() as connection:
        build_id = connection.scalar(sa.text("select build_id from ops.current_build"))
        company = Company(name="Planted", timezone="UTC", currency="EUR")
        for statement in THEMES_READ:
            connection.execute(sa.text(statement))
        for _ in range(2):  # done again, it writes the same again
            assert band_conversions.analyse(connection, build_id, company) == {"values": 6, "usable": 6}
            assert offers.analyse(connection, build_id, company)["usable"] >= 2
            assert drivers.analyse(connection, build_id, company)["buckets"] == 3
            assert initiatives.analyse(connection, build_id, company) == {"initiatives": 3, "usable": 0}
    run_dbt(
        world.folder,
        "build",
        "--indirect-selection",
        "buildable",
        "--select",
        "path:models/marts/effects",
        "path:models/intermediate/effects",
        "path:models/marts/drivers",
        "path:models/intermediate/drivers",
        "customer_lifetime_values",
        "initiative_priorities",
    )
    return world


def test_the_study_takes_what_was_known_before_and_the_year_after(built: World) -> None:
    # A posting of the wrong year, or a complaint made after the answer, would be taken for a cause.
    study = {row["customer_id"]: row for row in built.rows("select * from intermediate.int_band_conversions__study")}
    revenue = ROWS["revenue"]
    assert "C0001" not in study, "own staff"
    assert not any(int(name[1:]) >= COUNT + SILENT for name in study), "not yet a customer for a year"
    assert sum(row["band"] is not None for row in study.values()) == COUNT - 1
    for name in ("C0000", "C0009", "C0010"):
        row = study[name]
        sums = {
            part: sum(posting["amount"] - 11 for posting in revenue if posting["customer_id"] == name and posting["booked_on"] == day)
            for part, day in (("margin_before", ASKED - timedelta(days=365)), ("margin_after", ASKED + timedelta(days=365)))
        }
        assert {part: row[part] for part in sums} == sums
        number = int(name[1:])
        assert row["complaints"] == (number % 10 == 0)
        assert row["interactions"] == (2 if number % 3 == 0 else 0)
        assert row["asked_on"] == ASKED


def test_the_planted_value_of_a_band_reaches_the_mart(built: World) -> None:
    rows = built.rows("select * from marts_next.band_conversion_values where segment = 'all'")
    assert {row["verdict"] for row in rows} == {"usable"}
    for row in rows:
        steps = 2 if (row["from_band"], row["to_band"]) == ("detractor", "promoter") else 1
        assert row["effect_low"] <= steps * WORTH <= row["effect_high"]
        assert row["naive_low"] > steps * WORTH, "whoever compares bands naively takes long standing for their doing"
        assert row["customers"] == COUNT - 1
        assert row["e_value"] > 1
        assert row["speaks_for"].startswith("customers of a year or more")
    balance = built.rows("select * from marts_next.covariate_balance where analysis = 'band conversion' and covariate = 'tenure'")
    assert all(abs(row["difference_before"]) > abs(row["difference_after"]) and row["is_balanced"] for row in balance)


def test_the_planted_effect_of_an_offer_reaches_the_mart(built: World) -> None:
    def mark(shift: float) -> Any:
        thought = 1.2 * TENURE[:COUNT] + shift
        return expit(thought - 0.5) - expit(-0.5 - thought)

    truth = 100 * float(np.mean(mark(OFFER_SHIFT) - mark(0)))
    rows = {(row["offer_type"], row["contrast"], row["period_grain"]): row for row in built.rows("select * from marts_next.offer_effects")}
    assert len(rows) == 2 * 2 * 2
    made = rows["upgrade", "made", "quarter"]
    assert made["effect_low"] <= truth <= made["effect_high"]
    assert made["difference_low"] > truth, "offers go to customers of long standing, who are happier anyway"
    assert made["answers_with"] == OFFERED[np.arange(COUNT) != 1].sum()
    assert made["answers_without"] == COUNT - 1 - made["answers_with"]
    chosen = OFFERED & (np.arange(COUNT) != 1)
    assert float(made["nps_with"]) == pytest.approx(100 * np.mean((SCORE_AFTER_CALL[chosen] - 7.0).clip(-1, 1)), abs=1e-3)
    accepted = rows["upgrade", "accepted", "rolling_365_days"]
    assert accepted["difference_low"] < 0 < accepted["difference_high"], "who accepts was drawn by lot"
    assert accepted["answers_with"] + accepted["answers_without"] == made["answers_with"]


def test_what_goes_with_a_score_reaches_the_mart(built: World) -> None:
    # A driver that gets lost on its way from the CRM's attributes or the survey's questions can never be found.
    answers = {
        row["customer_id"]: row for row in built.rows("select * from intermediate.int_drivers__answers where programme = 'after a call'")
    }
    assert len(answers) == COUNT - 1, "own staff"
    # the day before counts; the day itself may be about the call, and what is longer ago than a year is forgotten
    assert {name for name, row in answers.items() if row["complained_before"] == "yes"} == {f"C{i:04}" for i in range(7, COUNT, 14)}
    rows = {
        (row["driver"], row["level"]): row
        for row in built.rows("select * from marts_next.driver_effects where programme = 'after a call' and dimension = 'all'")
    }
    known = np.arange(COUNT) != 1
    promoters = SCORE_AFTER_CALL == 10
    raw = 100 * (promoters[known & WAITED].mean() - promoters[known & ~WAITED].mean())
    queue = rows["queue", "long"] if rows["queue", "short"]["is_reference"] else rows["queue", "short"]
    sign = 1 if queue["level"] == "long" else -1
    assert sign * float(queue["promoter_effect"]) == pytest.approx(raw, abs=3)
    assert queue["promoter_effect_low"] * queue["promoter_effect_high"] > 0, "it was planted"
    assert queue["promoter_effect"] * queue["detractor_effect"] < 0
    assert queue["responses"] == COUNT - 1
    assert queue["responses_at_level"] == (known & (WAITED if sign == 1 else ~WAITED)).sum()
    assert queue["importance_low"] > 0.2
    assert {driver for driver, _ in rows} >= {"queue", "reason", "resolution_band", "tenure_band"}
    assert not {"heard_from", "channel", "interaction_type"} & {driver for driver, _ in rows}, "no driver, or the same everywhere"
    assert rows["reason", "price"]["kind"] == "said"
    told = [i for i in range(COUNT) if i != 1 and i % 10 in (1, 5)]
    assert rows["theme: price", "mentioned"]["responses_at_level"] == len(told)
    assert rows["theme: price", "not mentioned"]["responses_at_level"] == 3 * COUNT / 10, "who wrote nothing did not leave it out"
    assert not any(driver == "theme: money" for driver, _ in rows), "it says what its parts say"
    waiting = built.rows("select * from marts_next.driver_curves order by bucket_place")
    assert [(row["bucket"], row["responses_in_bucket"]) for row in waiting] == [
        ("under 1 day", 300),
        ("1 to 2 days", 299),
        ("3 days or more", 300),
    ]
    assert not any(row["is_threshold"] for row in waiting), "how long it took was drawn by lot"
    assert all(row["nps_low"] <= row["nps"] <= row["nps_high"] for row in waiting)


def test_initiatives_rank_by_whom_they_help_and_what_that_is_worth(built: World) -> None:
    # Ranked by the wrong number, money goes where it helps nobody; and a measure that was chosen afterwards proves anything.
    rows = {row["initiative_id"]: row for row in built.rows("select * from marts_next.initiative_priorities")}
    worth = built.rows(
        "select * from marts_next.band_conversion_values where segment = 'all' and (from_band, to_band) = ('detractor', 'promoter')"
    )[0]
    unhappy = [i for i in range(COUNT) if i != 1 and SCORE_AFTER_CALL[i] == 3]
    of_price = [i for i in unhappy if i % 10 in (1, 5)]
    for name, who, confidence, cost in (("answer-at-once", unhappy, 0.5, 500), ("fairer-prices", of_price, 0.9, 50)):
        row = rows[name]
        assert row["customers_affected"] == len(who)
        assert row["value_source"] == "conversion of all customers"
        assert float(row["value_per_customer"]) == pytest.approx(float(worth["effect"]), abs=0.01)
        assert float(row["priority"]) == pytest.approx(len(who) * float(worth["effect"]) * confidence / cost, rel=1e-3)
    assert [rows[name]["rank"] for name in ("fairer-prices", "answer-at-once", "open-on-sundays")] == [1, 2, None]
    done = rows["open-on-sundays"]
    assert (done["state"], done["effect"], done["effect_verdict"]) == ("done", None, "the measure was registered after the start")
    assert (rows["fairer-prices"]["state"], rows["fairer-prices"]["effect_verdict"]) == ("funded", "no measure was registered")


def test_of_too_many_answers_those_of_some_customers_are_taken(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # A million answers must not be carried out of the warehouse to look at two hundred thousand, nor others be looked at in each build.
    monkeypatch.setattr(driver_answers, "MOST_ANSWERS", COUNT // 3)
    with built.engine.connect() as connection:
        company = Company(name="Planted", timezone="UTC", currency="EUR")
        first, again = ({one.programme: one.answers for one in driver_answers.read(connection, company)} for _ in range(2))
    assert len(first["after a call"].band) == pytest.approx(COUNT / 3, rel=0.25)
    assert all((first[name].band == again[name].band).all() for name in first)
