"""Weighted scores speak for all who could have been asked; kept marts follow every weight that a late answer changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from tests.analysis.simulated_weights import linearised
from world import World, at

from shopkeeper.analysis.units import scores as unit_scores
from shopkeeper.analysis.weights import phone, publication
from shopkeeper.company.config import Company, MinimumN
from shopkeeper.company.weights import Weights
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.tables import PUBLICATIONS

pytestmark = pytest.mark.slow

CORE = ("+nps_by_segment", "+nps_current", "+survey_weightings", "+sensitivity_bands", "int_weighting__scored_counts", "int_units__counts")
AS_OF = at("2026-04-01")
COMPANY = Company(
    name="Small",
    timezone="UTC",
    currency="EUR",
    minimum_n=MinimumN(hidden_below=5, indicative_below=10),
    weights={
        "yearly": Weights(margins=("segment", "recent_complaint"), method="post_stratification"),
        "visit": Weights(margins=("segment",)),
    },
)
# segment → (in the frame, drawn, promoters, passives, detractors among the answers)
YEARLY = {"gold": (60, 30, 20, 4, 1), "silver": (140, 70, 3, 4, 8)}


TEAMS, OF_EACH_TEAM = 9, 6


def weigh(connection: sa.Connection, build_id: int) -> object:
    return publication.analyse(connection, build_id, COMPANY), unit_scores.analyse(connection, build_id, COMPANY)


def answer(number: str, day: str, score: int, **values: Any) -> dict[str, Any]:
    return {"native_id": f"R{number}", "responded_at": at(day), "score": score, "scale": "0-10", "updated_at": at(day), **values}


def scores(promoters: int, passives: int, detractors: int) -> Iterable[int]:
    return itertools.chain([10] * promoters, [7] * passives, [2] * detractors)


@pytest.fixture(scope="module")
def company(world: World) -> World:
    """A wave of ours with its frame; invitations that somebody else sent; answers that nobody was asked for, and of a quota."""
    world.settings.update(hidden_below=5, indicative_below=10)
    world.weight(COMPANY.weights)
    segments = [segment for segment, (frame, *_) in YEARLY.items() for _ in range(frame)]
    people = [{"customer_id": f"C{number}", "segment": segment, "joined_on": date(2020, 1, 1)} for number, segment in enumerate(segments)]
    world.batch("customers", [*people, {"customer_id": "C900", "segment": "gold", "joined_on": date(2020, 1, 1)}])
    # of the silver ones who complained most were not asked, and one complained too early to count
    world.batch(
        "complaints",
        [{"complaint_id": f"G{n}", "customer_id": f"C{n}", "opened_at": at("2026-01-02")} for n in (60, 61, *range(170, 200))]
        + [{"complaint_id": "G0", "customer_id": "C0", "opened_at": at("2024-01-02")}],
    )
    wave = world.wave("yearly", "2026-02-01", as_of=at("2026-02-01"))
    drawn = {f"C{start + n}" for start, (_, asked, *_) in zip((0, 60), YEARLY.values(), strict=True) for n in range(asked)}
    everybody = [(wave, "drawn" if person["customer_id"] in drawn else "not_drawn", None) for person in people]
    world.frame([*everybody, *[(wave, "turned_away", "opted_out")] * 30])
    invitations = {who: world.invite(wave, "yearly", who, at=at("2026-02-01"), design_weight=2, inclusion_probability=0.5) for who in drawn}
    for invitation in invitations.values():
        world.happen(invitation, "sent", at=at("2026-02-01 10:00"))
    answers = []
    for start, (_, _, *given) in zip((0, 60), YEARLY.values(), strict=True):
        answers += [
            answer(f"C{start + n}", "2026-02-03", score, invitation_id=invitations[f"C{start + n}"])
            for n, score in enumerate(scores(*given))
        ]
    quota = world.wave("visit", "2026-03-05", as_of=at("2026-03-05"), config={"kind": "post_call"})
    world.frame([(quota, "drawn", None)])
    by_quota = world.invite(quota, "visit", "C0", at=at("2026-03-05"))
    world.happen(by_quota, "sent", at=at("2026-03-05"))
    sent = [
        {"invitation_id": f"V{n}", "customer_id": f"C{n}", "programme": "visit", "sent_at": at("2026-03-02")}
        for n in (*range(1, 21), *range(60, 80))
    ]
    world.batch("survey_invitations", sent)
    visits = [answer(f"V{n}", "2026-03-03", 10 if n < 21 else 3, invitation_id=f"V{n}") for n in (*range(1, 13), *range(60, 72))]
    world.batch("survey_responses", [*answers, *visits, answer("Q", "2026-03-06", 9, invitation_id=by_quota)])
    world.batch("org_units", [{"org_unit_id": f"T{team}", "kind": "team"} for team in range(TEAMS)])
    talks = [(f"I{n}", f"C{100 + n}", f"T{n % TEAMS}") for n in range(TEAMS * OF_EACH_TEAM)]
    world.batch(
        "interactions",
        [{"interaction_id": talk, "customer_id": who, "occurred_at": at("2026-03-09"), "org_unit_id": team} for talk, who, team in talks],
    )
    asked_by_others = {"programme": "counter", "provider": "file"}
    world.batch(
        "survey_responses",
        [
            answer(talk, "2026-03-10", 3 if n % (2 + int(team[1:])) else 10, customer_id=who, interaction_id=talk, **asked_by_others)
            for n, (talk, who, team) in enumerate(talks)
        ],
    )
    world.batch("survey_responses", [answer("free", "2026-02-04", 10, customer_id="C150", programme="yearly")])
    assert world.build(AS_OF, select=CORE, run_tests=False, analyse=weigh)
    return world


def test_the_weighted_score_is_that_of_the_frame(company: World) -> None:
    # If those turned away, not asked, or asked by a quota were mixed up, each of these would be another number.
    weightings = {row["programme"]: row for row in company.rows("select * from marts_next.survey_weightings where wave < '2026-03-05'")}
    yearly = weightings["yearly"]
    assert (yearly["wave"], yearly["frame"], yearly["invited"], yearly["answers"]) == ("2026-02-01", 200, 100, 40)
    weights = company.rows("select * from marts_next.fct_response_weights where programme = 'yearly'")
    assert len(weights) == 40
    assert sum(row["weight"] for row in weights) == pytest.approx(200, abs=0.001)
    assert {row["design_weight"] for row in weights} == {2}
    visit = company.rows("select * from marts_next.survey_weightings where programme = 'visit'")
    assert [(row["wave"], row["frame"], row["invited"], row["answers"], row["weighted_answers"]) for row in visit] == [
        ("2026-03", 41, 41, 25, 24)
    ]
    assert "no weight" in visit[0]["warnings"]

    (score,) = company.rows("select * from marts_next.nps_current where programme = 'visit' and dimension = 'all'")
    # 21 gold, of whom 12 answered as promoters, and 20 silver, of whom 12 as detractors; the quota's answer has no weight
    assert float(score["nps_weighted"]) == pytest.approx(100 * (21 - 20) / 41, abs=0.001)
    assert score["nps_weighted_low"] < score["nps_weighted"] < score["nps_weighted_high"]
    assert (score["responses"], score["weighted_responses"]) == (25, 24)


def test_cells_have_the_weighted_score_of_their_answers(company: World) -> None:
    # Weights of the wave, in every cell: a segment's weights are never made for it alone.
    cells = company.rows("select * from marts_next.nps_by_segment where period_grain = 'month' and dimension in ('all', 'segment')")
    weights = {
        row["response_id"]: row
        for row in company.rows(
            "select response_id, customer_id, coalesce(weight, 0) as weight, weight is not null as has_weight, programme, segment, band, "
            "cast(date_trunc('month', responded_on) as date) as month "
            "from marts_next.fct_survey_responses left join (select response_id, weight from marts_next.fct_response_weights) as w "
            "using (response_id) where excluded_reason is null"
        )
    }
    by_answers = 0
    for cell in cells:
        inside = [
            row
            for row in weights.values()
            if (row["programme"], row["month"]) == (cell["programme"], cell["period_starts_on"])
            and cell["dimension_value"] in ("all", row["segment"])
        ]
        total = sum(row["weight"] for row in inside)
        assert cell["weighted_responses"] == sum(row["has_weight"] for row in inside)
        if cell["weighted_responses"] < Decimal("0.9") * cell["responses"] or cell["reporting"] == "hidden":
            assert cell["nps_weighted"] is None
            continue
        net = sum(row["weight"] * {"promoter": 1, "detractor": -1}.get(row["band"], 0) for row in inside)
        kish = len(inside) * sum(row["weight"] ** 2 for row in inside) / total**2
        assert float(cell["nps_weighted"]) == pytest.approx(float(100 * net / total), abs=0.0001)
        assert float(cell["design_effect"]) == pytest.approx(float(kish * cell["weighted_responses"] / len(inside)), abs=0.00001)
        assert cell["nps_weighted_low"] <= cell["nps_weighted"] <= cell["nps_weighted_high"]
        if cell["dimension"] != "all":
            # the interval whose coverage tests/analysis/test_weights_cells.py proves
            spoken = [row for row in inside if row["has_weight"]]
            bands = np.array([("detractor", "passive", "promoter").index(row["band"]) for row in spoken])
            customers = np.unique([row["customer_id"] for row in spoken], return_inverse=True)[1]
            weight = np.array([float(row["weight"]) for row in spoken])
            _, low, high = linearised(weight, bands, customers, np.zeros(len(spoken), int), 1)
            assert (float(cell["nps_weighted_low"]), float(cell["nps_weighted_high"])) == pytest.approx((low[0], high[0]), abs=0.001)
            by_answers += 1
    assert by_answers
    replicated = company.rows(
        "select programme, period_starts_on, nps_weighted_low as low, nps_weighted_high as high from analysis.weighted_scores "
        "where period_grain = 'month' and build_id = (select build_id from ops.current_build)"
    )
    ends = {(row["programme"], row["period_starts_on"]): (row["low"], row["high"]) for row in replicated}
    whole = [cell for cell in cells if cell["dimension"] == "all" and cell["nps_weighted"] is not None]
    assert len(whole) == 2
    for cell in whole:
        assert (cell["nps_weighted_low"], cell["nps_weighted_high"]) == ends[cell["programme"], cell["period_starts_on"]]


def test_the_silent_of_a_wave_can_be_phoned(company: World) -> None:
    # Whoever has answered, or was not asked, would be called for nothing, and would make the estimate one of something else.
    with company.engine.connect() as connection:
        # of the customers, all that is read; gone again at the end
        customers = "create table marts_next.dim_customers as select customer_id, customer_id = 'C75' as opted_out from marts_next."
        connection.execute(sa.text(customers + "fct_survey_invitations where programme = 'yearly'"))
        connection.execute(sa.text("drop schema if exists marts cascade"))
        connection.execute(sa.text("alter schema marts_next rename to marts"))
        published = {"build_id": 1, "as_of": AS_OF, "known_at": AS_OF, "config_hash": "", "gates_passed": 0, "gates_warned": 0}
        connection.execute(sa.insert(PUBLICATIONS).values(**published, published_at=AS_OF))
        silence = phone.silence(connection, "yearly", "2026-02-01")
        assert silence.answered.tolist() == [[9, 8, 23]]
        assert set(silence.silent) == {f"C{n}" for n in (*range(25, 30), *range(75, 130))}
        assert silence.refused == {"C75"}
        said = phone.estimate(silence, dict.fromkeys(phone.draw(silence, 20), 5))
        assert said.found.nps == pytest.approx(100 * (0.4 * 14 / 40 - 0.6))
        with pytest.raises(ShopkeeperError, match="nobody was invited"):
            phone.silence(connection, "yearly", "2025-02-01")


@pytest.mark.long
def test_a_late_answer_changes_the_weights_of_others_and_kept_cells_follow(company: World) -> None:
    # The raw scores of January's cells do not move when one more answers; their weighted scores do. A mart that only wrote what the
    # answer touched would show two truths.
    before = company.rows("select * from marts_next.nps_by_segment where dimension = 'segment' and dimension_value = 'silver'")
    other_teams = (
        "select dimension_value, nps, nps_shrunk from marts_next.nps_by_segment"
        " where dimension = 'team' and dimension_value <> 'T0' and period_grain = 'month' order by dimension_value"
    )
    teams = company.rows(other_teams)
    pleased = {"customer_id": "C190", "interaction_id": "I0", "programme": "counter", "provider": "file"}
    company.batch("survey_responses", [answer("late", "2026-03-11", 10, **pleased)])
    invitation = company.rows("select cast(invitation_id as text) as id from ops.invitations where customer_id = 'C60'")[0]["id"]
    waiting = company.rows("select cast(invitation_id as text) as id from ops.invitations where customer_id = 'C29'")[0]["id"]
    company.batch("survey_responses", [answer("C29", "2026-03-20", 3, invitation_id=waiting)])
    company.batch("survey_responses", [answer("C60", "2026-02-03", 6, invitation_id=invitation, updated_at=at("2026-03-21"))])
    company.batch("customers", [{"customer_id": "C61", "segment": "gold", "joined_on": date(2020, 1, 1), "updated_at": at("2026-01-15")}])
    assert not company.build(at("2026-04-02"), select=CORE, run_tests=False, analyse=weigh)
    after = company.rows("select * from marts_next.nps_by_segment where dimension = 'segment' and dimension_value = 'silver'")
    assert before != after
    # nor does what is believed of a team stay, when another one pleases
    believed = company.rows(other_teams)
    assert [row["nps"] for row in believed] == [row["nps"] for row in teams]
    assert len(teams) == TEAMS - 1
    assert all(row["nps_shrunk"] != earlier["nps_shrunk"] for row, earlier in zip(believed, teams, strict=True))
    kept = company.checksums()
    assert company.build(at("2026-04-02"), full_refresh=True, select=CORE, run_tests=False, analyse=weigh)
    anew = company.checksums()
    assert [name for name in kept if kept[name] != anew[name]] == []


@pytest.mark.long
def test_weights_that_are_no_more_leave_the_cells(company: World) -> None:
    # A programme that stops weighting must not go on showing the last weighted scores. (Other settings make all marts anew.)
    company.weight({"visit": COMPANY.weights["visit"]})
    assert company.build(at("2026-04-03"), full_refresh=True, select=CORE, run_tests=False, analyse=weigh)
    left = "select count(*) as n from marts_next.nps_by_segment where programme = 'yearly' and weighted_responses > 0"
    assert company.rows(left) == [{"n": 0}]
