"""What metric_reliability says of scores whose faults are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from planted_silence import NOT_SILENT, PROGRAMME, SILENT, TRAP
from planted_silence import rows as rows_of_the_silent
from world import World, at, run_dbt

from shopkeeper.analysis import answering
from shopkeeper.analysis.predicted import publication as predicted
from shopkeeper.analysis.weights import publication as weights
from shopkeeper.company.config import Company

AS_OF = at("2026-04-01")
# programme → how many of segment a, and of b, answered, and how many stayed silent; scores of those who answered, in turn
WEIGHTED = {
    "adjusted": ((150, 150), (600, 600), (10, 9, 8, 10, 7, 9, 10, 3, 8, 9)),
    "unlike": ((250, 50), (350, 850), (10, 9, 8, 10, 7, 9, 10, 3, 8, 9)),
    "torn": ((150, 150), (600, 600), (10, 9, 8, 7, 9, 7, 8, 0, 3, 8)),
}


def answers(programme: str, days: Iterable[datetime], scores: Iterable[int], **columns: Any) -> list[dict[str, Any]]:
    """One answer a day and score, each of a customer and to an invitation of its own."""
    return [
        {
            "native_id": f"{programme}-{i}",
            "programme": programme,
            "customer_id": f"{programme}-{i}",
            "invitation_id": f"{programme}-{i}",
            "responded_at": day,
            "scale": "0-10",
            "score": score,
            **columns,
        }
        for i, (day, score) in enumerate(zip(days, scores, strict=True))
    ]


def customers(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"customer_id": row["customer_id"], "joined_on": date(2020, 1, 1)} for row in rows]


def invitations(rows: list[dict[str, Any]], silent: int) -> list[dict[str, Any]]:
    """One for each answer, the hour before, and one each for as many who stayed silent."""
    sent = [(row["invitation_id"], row["customer_id"], row["responded_at"] - timedelta(hours=1)) for row in rows]
    sent += [(f"{rows[0]['programme']}-silent-{i}", None, sent[i % len(sent)][2]) for i in range(silent)]
    return [
        {"invitation_id": invitation_id, "customer_id": customer_id, "programme": rows[0]["programme"], "sent_at": moment}
        for invitation_id, customer_id, moment in sent
    ]


def spread(first: str, days: int, number: int) -> list[datetime]:
    return [at(f"{first} 12:00") + timedelta(days=days * i / number) for i in range(number)]


def scores(number: int) -> list[int]:
    """Six promoters, three passives and a detractor in every ten."""
    return [[10, 9, 8, 10, 7, 9, 10, 3, 8, 9][i % 10] for i in range(number)]


def verdicts(world: World, programme: str) -> dict[tuple[str, date], tuple[str, str | None]]:
    rows = world.rows(f"select * from marts_next.metric_reliability where programme = '{programme}'")
    return {(row["period_grain"], row["period_starts_on"]): (row["verdict"], row["reasons"]) for row in rows}


@pytest.fixture(scope="module")
def built(world: World) -> World:
    """Programmes of one fault each, over the first quarter of 2026."""
    january = {
        "sound": (answers("sound", spread("2026-01-01", 28, 300), scores(300)), 250),
        "nobody_silent": (answers("nobody_silent", spread("2026-01-01", 28, 300), scores(300)), 0),
        "few": (answers("few", spread("2026-01-01", 28, 20), scores(20)), 20),
        "hidden": (answers("hidden", spread("2026-01-01", 28, 9), scores(9)), 9),
        "silent": (answers("silent", spread("2026-01-01", 28, 300), scores(300)), 2700),
        "stray": (answers("stray", spread("2026-01-01", 28, 300), scores(300)), 300),
        "march": (answers("march", spread("2026-03-01", 28, 300), scores(300)), 300),
    }
    for name, (rows, silent) in january.items():
        world.batch("survey_responses", rows)
        world.batch("survey_invitations", invitations(rows, silent))
        world.batch("customers", customers(rows[: 250 if name == "stray" else None]))
    gated = answers("gated", spread("2026-01-01", 28, 300), scores(300))
    world.batch("customers", customers(gated))
    world.batch("survey_invitations", invitations(gated, 300))
    waived = world.batch("survey_responses", gated[:200], status="waived")
    rejected = world.batch("survey_responses", gated[200:])
    with world.engine.begin() as connection:
        connection.execute(sa.text("update ops.batches set rows_in = 200, rejected = 100 where batch_id = :id"), {"id": rejected})
        result = (
            "insert into quality.gate_results (subject, batch_id, suite, expectation, description, severity, succeeded, checked_at) "
            "values ('batch', :id, 'survey_responses', 'x', 'x', :severity, false, now())"
        )
        connection.execute(sa.text(result), [{"id": waived, "severity": "critical"}, {"id": rejected, "severity": "warning"}])
    for name, (answered, silent, given) in WEIGHTED.items():
        segments = [segment for n, segment in zip(answered, "ab", strict=True) for _ in range(n)]
        rows = answers(name, spread("2026-01-01", 28, len(segments)), [given[i % len(given)] for i in range(len(segments))])
        sent = invitations(rows, sum(silent))
        segments += [segment for n, segment in zip(silent, "ab", strict=True) for _ in range(n)]
        sent = [{**row, "customer_id": f"{name}-{i}"} for i, row in enumerate(sent)]
        joined = [row | {"segment": segment} for row, segment in zip(customers(sent), segments, strict=True)]
        for entity, batch in (("survey_responses", rows), ("survey_invitations", sent), ("customers", joined)):
            world.batch(entity, batch)
    for entity, batch in rows_of_the_silent().items():
        world.batch(entity, batch)
    with world.engine.begin() as connection:
        connection.execute(sa.text("insert into ops.weighting_variables values (:name, 'segment')"), [{"name": name} for name in WEIGHTED])
    world.build(AS_OF, run_tests=False)
    margins = {name: {"margins": ["segment"]} for name in WEIGHTED}
    company = Company(name="Small", timezone="UTC", currency="EUR", weights=margins)
    with world.engine.begin() as connection:
        build_id = connection.scalar(sa.text("select build_id from ops.current_build"))
        weights.analyse(connection, build_id, company)
        first = answering.analyse(connection, build_id, company)
        assert answering.analyse(connection, build_id, company) == first, "done again, it writes the same again"
        silent = {"customers": 2 * SILENT, "programmes_refused": 3}
        assert predicted.analyse(connection, build_id, company) == silent
        said = "select md5(string_agg(cast(told as text), '' order by programme, customer_id)) from analysis.predicted_customers as told"
        before = connection.scalar(sa.text(said))
        assert predicted.analyse(connection, build_id, company) == silent
        assert connection.scalar(sa.text(said)) == before, "done again, it writes the same again"
    again = ("--full-refresh", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    run_dbt(world.folder, "build", *again, "--select", "source:analysis+,+metric_reliability", "path:models/marts/predicted")
    return world


JANUARY = ("month", date(2026, 1, 1))
CURRENT = ("rolling_90_days", date(2026, 1, 1))


def test_a_score_without_a_fault_is_sound(built: World) -> None:
    assert verdicts(built, "sound")[JANUARY] == ("sound", None)
    assert set(verdicts(built, "sound")) == {JANUARY, ("quarter", date(2026, 1, 1)), CURRENT}


def test_too_few_answers_are_not_published(built: World) -> None:
    assert verdicts(built, "hidden")[JANUARY] == ("not to be published", "fewer than 10 answers")
    row = built.rows("select * from marts_next.metric_reliability where programme = 'hidden' and period_grain = 'month'")[0]
    assert (row["responses"], row["nps"], row["margin_of_error"]) == (9, None, None)


def test_few_answers_and_their_wide_interval_ask_for_care(built: World) -> None:
    verdict, reasons = verdicts(built, "few")[JANUARY]
    assert verdict == "usable with care"
    assert reasons is not None
    assert reasons.startswith("only 20 answers; wide interval: ± ")


def test_a_low_response_rate_is_named(built: World) -> None:
    assert verdicts(built, "silent")[JANUARY] == ("usable with care", "low response: 10.0 %, not adjusted for those who did not answer")
    row = built.rows("select * from marts_next.metric_reliability where programme = 'silent' and period_grain = 'month'")[0]
    assert (row["cohort_invitations"], row["cohort_responses"], float(row["response_rate"])) == (3000, 300, 0.1)


def test_a_low_response_is_not_held_against_a_score_that_speaks_for_the_silent_too(built: World) -> None:
    # One in five answers in all three. Only where they resemble the rest may the weights make up for it.
    assert verdicts(built, "adjusted")[JANUARY] == ("sound", None)
    assert verdicts(built, "unlike")[JANUARY] == (
        "usable with care",
        "low response: 20.0 %, from respondents unlike the others; respondents unlike those who could have been asked: R 0.65",
    )
    rows = {row["programme"]: row for row in built.rows("select * from marts_next.metric_reliability where period_grain = 'month'")}
    assert (rows["adjusted"]["is_adjusted"], rows["unlike"]["is_adjusted"], rows["silent"]["is_weighted"]) == (True, False, False)
    assert rows["adjusted"]["rr1"] == rows["adjusted"]["response_rate"] == Decimal("0.2")
    assert rows["unlike"]["r_low"] < rows["unlike"]["r_indicator"] < rows["unlike"]["r_high"]


def test_respondents_are_held_against_the_frame(built: World) -> None:
    query = "select * from marts_next.representativeness where programme = 'unlike' and wave = '2026-01'"
    found = {(row["variable"], row["category"]): row for row in built.rows(query)}
    assert found.keys() == {("all", "all"), ("segment", "all"), ("segment", "a"), ("segment", "b")}, "tenure and spend tell nobody apart"
    columns = ("frame", "answered", "frame_share", "respondent_share", "weighted_share", "response_propensity", "partial_r")
    share, chance = [600 / 1500, 900 / 1500], [250 / 600, 50 / 900]
    for place, segment in enumerate("ab"):
        partial = share[place] ** 0.5 * (chance[place] - 0.2)
        expected = [(600, 900)[place], (250, 50)[place], share[place], (250, 50)[place] / 300, share[place], chance[place], partial]
        assert [float(found[("segment", segment)][name]) for name in columns] == pytest.approx(expected, abs=1e-5)
    spread_of_chances = (share[0] * share[1]) ** 0.5 * (chance[0] - chance[1])
    assert float(found[("segment", "all")]["partial_r"]) == pytest.approx(spread_of_chances, abs=1e-5)
    assert float(found[("all", "all")]["r_uncorrected"]) == pytest.approx(1 - 2 * spread_of_chances, abs=1e-4)
    # the bound holds here: what weighting moves the score by is no more than it
    (row,) = built.rows("select * from marts_next.metric_reliability where programme = 'unlike' and period_grain = 'month'")
    assert abs(row["nps_weighted"] - row["nps"]) <= row["bias_bound"]


def test_a_score_whose_sign_hangs_on_who_answers_is_never_sound(built: World) -> None:
    assert verdicts(built, "torn")[CURRENT] == (
        "usable with care",
        "the sign of the score changes inside the sensitivity band; no answer for 62 days",
    )
    (row,) = built.rows("select * from marts_next.metric_reliability where programme = 'torn' and is_current")
    assert row["nps_low_end"] < 0 < row["nps_high_end"]
    assert "sign" not in (verdicts(built, "adjusted")[CURRENT][1] or "")


def test_a_frame_in_which_nobody_is_silent_is_doubted(built: World) -> None:
    verdict, reasons = verdicts(built, "nobody_silent")[JANUARY]
    assert (verdict, reasons) == (
        "usable with care",
        "response unknown: 100.0 % answered, so invitations without an answer seem to be missing",
    )


def test_excluded_answers_are_counted_by_reason(built: World) -> None:
    assert verdicts(built, "stray")[JANUARY] == ("usable with care", "16.7 % of the scored answers excluded")
    row = built.rows("select * from marts_next.metric_reliability where programme = 'stray' and period_grain = 'month'")[0]
    assert (row["answers_received"], row["responses"], row["excluded_answers"]) == (300, 250, 50)
    assert row["excluded_by_reason"] == "unknown_customer 50"


def test_a_month_whose_invitations_can_still_be_answered_is_not_final(built: World) -> None:
    assert verdicts(built, "march")[("month", date(2026, 3, 1))] == (
        "usable with care",
        "not matured: invitations are answered until 2026-04-30",
    )


def test_the_current_score_says_when_nobody_has_answered_for_long(built: World) -> None:
    assert verdicts(built, "sound")[CURRENT] == ("usable with care", "no answer for 62 days")
    assert verdicts(built, "march")[CURRENT][0] == "sound"


def test_waived_gates_and_rejected_rows_ask_for_care(built: World) -> None:
    assert verdicts(built, "gated")[JANUARY] == (
        "usable with care",
        "1 of 2 batches used in spite of a failed critical gate; 25.0 % of the rows rejected",
    )
    row = built.rows("select * from marts_next.metric_reliability where programme = 'gated' and period_grain = 'month'")[0]
    assert (row["batches"], row["waived_batches"], row["critical_gate_failures"], row["warning_gate_failures"]) == (2, 1, 1, 1)


def test_the_interval_and_the_margin_belong_together(built: World) -> None:
    for row in built.rows("select * from marts_next.metric_reliability where nps is not null"):
        assert row["nps_low"] < row["nps"] < row["nps_high"]
        assert float(row["margin_of_error"]) == pytest.approx(float(row["nps_high"] - row["nps_low"]) / 2, abs=1e-4)


def test_the_rules_and_the_rates_give_what_they_must(built: World) -> None:
    """AAPOR's published rates, and every rule of the verdict at its limit."""
    parts = ("intermediate/reliability", "marts/reliability")
    ran = run_dbt(built.folder, "test", "--select", *(f"models/{part},test_type:unit" for part in parts))
    assert len(ran) == 2, ran


def test_a_prediction_knows_nothing_that_came_after_the_invitation(built: World) -> None:
    # What became known later makes a model look wise on the past and fool everybody on the future.
    moments = {row["customer_id"]: row for row in built.rows("select * from intermediate.int_predicted__moments")}
    trap = moments[TRAP]
    known = ("complaints", "interactions", "outcome", "hours_to_resolution", "previous_band", "is_silent")
    assert {name: trap[name] for name in known} == dict(zip(known, (1, 1, None, None, "never answered", True), strict=True))
    assert float(trap["worst_call_before"]) == float(trap["failed_interaction_score"]) == 0.4
    assert not any(name in moments and moments[name]["is_silent"] for name in NOT_SILENT)
    assert all(row["band"] is None and row["responded_on"] is None for row in moments.values() if row["is_silent"])


def test_the_silent_are_told_apart_and_never_counted_with_answers(built: World) -> None:
    # A prediction that is added to what was measured makes a score that nobody gave.
    query = f"select * from marts_next.predicted_scores where programme = '{PROGRAMME}' and dimension in ('all', 'segment')"
    scores = {row["dimension_value"]: row for row in built.rows(query)}
    assert {name: row["silent_customers"] for name, row in scores.items()} == {"all": 2 * SILENT, "a": SILENT, "b": SILENT}
    assert scores["a"]["predicted_nps_low"] < 50 < scores["a"]["predicted_nps_high"], "six promoters and a detractor in ten"
    assert scores["b"]["predicted_nps_low"] < -40 < scores["b"]["predicted_nps_high"], "two promoters and six detractors in ten"
    means = "select segment, avg(predicted_nps) as nps from marts_next.predicted_nps group by segment"
    for row in built.rows(means):
        assert float(row["nps"]) == pytest.approx(float(scores[row["segment"]]["predicted_nps"]), abs=1e-3), (
            "a mean, never a count of bands"
        )
    verdicts = {(row["programme"], row["verdict"]) for row in built.rows("select * from marts_next.predicted_quality")}
    assert ("adjusted", "refused: 300 answers; at least 500 are needed") in verdicts
    assert (PROGRAMME, "published") in verdicts
    counted = built.rows(f"select sum(responses) as n from marts_next.nps_daily_counts where programme = '{PROGRAMME}'")
    assert counted == [{"n": 601}], "answers alone"


@pytest.mark.slow
def test_a_company_with_answers_alone_gets_a_score_with_its_verdict(built: World) -> None:
    """Undated answers without customers and invitations are a score; everything about customers is there and empty."""
    built.forget()
    rows = answers("survey", [AS_OF] * 400, scores(400), customer_id=None, invitation_id=None, responded_at=None)
    period = {"period_from": date(2025, 1, 1), "period_to": date(2025, 12, 31)}
    unscored = [{**rows[0], "native_id": f"none-{i}", "score": None} for i in range(12)]
    built.batch("survey_responses", [row | period for row in (*rows, *unscored)])
    built.build(AS_OF, full_refresh=True, run_tests=False)
    row = built.rows("select * from marts_next.metric_reliability")
    assert [(r["period_grain"], r["is_current"], r["verdict"], r["reasons"]) for r in row] == [
        ("declared", True, "usable with care", "no frame, response unknown")
    ]
    assert (row[0]["responses"], row[0]["excluded_by_reason"], row[0]["response_rate"]) == (400, "no_score 12", None)
    for mart in ("customer_lifetime_values", "band_economics", "ledger_reconciliation", "fct_referrals", "referral_values"):
        assert built.rows(f"select count(*) as n from marts_next.{mart}") == [{"n": 0}]
