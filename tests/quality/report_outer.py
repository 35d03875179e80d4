"""What the outer loop finds, by hand: drivers, themes, panels, our own people, goals, initiatives and the silent, for the report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

Rows = Iterable[dict[str, Any]]

YEAR = {"period_grain": "rolling_365_days", "period_starts_on": date(2025, 3, 4), "period_ends_on": date(2026, 3, 3)}
NEWEST = {"period_grain": "rolling_90_days", "period_starts_on": date(2025, 12, 4), "period_ends_on": date(2026, 3, 3)}
ANSWERS = {"programme": "transactional", "metric": "nps"}
ALL = {"dimension": "all", "dimension_value": "all"}
EXAMPLE = "c4ca4238-a0b9-2382-0dcc-509a6f75849b"  # md5 of 1: the first answer of the world
MODELLED = "−97.3"  # of the silent, and nowhere but on their page
HIDDEN_TEAM = "Team of three"  # of our own people: too small to be named


def found() -> dict[str, Rows]:
    return {
        "phone_follow_ups": [_calls()],
        "driver_effects": [*_effects()],
        "driver_curves": [*_curves()],
        "theme_trends": [*_themes()],
        "theme_quality": [_quality("all", "All themes"), _quality("billing", "Wrong bills")],
        "discovered_themes": [
            {
                "language": "en",
                "label": "parking, car park, entrance",
                "example_response_ids": EXAMPLE,
                "place": 1,
                "comments": 40,
                "comments_looked_at": 200,
                "share": 20,
                "nps": -10,
                "nps_low": -30,
                "nps_high": 12,
            }
        ],
        "benchmark_nps": [*_panel()],
        "employee_nps": [*_employees()],
        "account_contacts_by_role": [*_roles()],
        "dim_accounts": [_account(number) for number in range(3)],
        "goal_attainment": [*_goals()],
        "initiative_priorities": [_initiative(1, "proposed"), _initiative(2, "done") | _effect()],
        "predicted_quality": [_model("boosting", "published", is_published=True), _model("ordinal logit", "not chosen: …")],
        "predicted_scores": [
            _silent("all", "all", -97.3),
            *(_silent("segment", segment, 50 + place) for place, segment in enumerate(("business", "family"))),
        ],
    }


def _calls() -> dict[str, Any]:
    counts = {"invited": 600, "answered": 190, "silent": 410, "tried": 80, "reached": 31, "reached_share": 0.3875}
    scores = {"nps_answered": 41, "nps_silent": 9, "nps": 20.4, "nps_low": 6.1, "nps_high": 33.9, "gap": -32, "gap_p": 0.01}
    return {"programme": "relationship", "wave": "2025-2", "metric": "nps", "wave_as_of_on": date(2025, 12, 5)} | counts | scores


def _effects() -> Rows:
    usable = ANSWERS | YEAR | {"responses": 900, "verdict": "usable", "is_usable": True, "explained_share": 0.31}
    for driver, kind, levels, importance in (
        ("tenure_band", "customer", ("under 1 year", "over 3 years"), 0.2),
        ("resolution_band", "experience", ("same day", "4 to 7 days"), 0.4),
        ("call_topic: invoice", "experience", ("no", "yes"), 0.1),
        ("theme: billing", "said", ("not mentioned", "mentioned"), 0.3),
    ):
        for place, level in enumerate(levels):
            effect = {
                f"{name}_effect{end}": value for name in ("promoter", "nps") for end, value in (("", -9), ("_low", -14), ("_high", -4))
            }
            gain = -6.5 if place else 3.5
            if_all = {
                f"{name}_if_all{end}": sign * (gain + more) for name, sign in (("promoters", 1), ("detractors", -1)) for end, more in ENDS
            }
            part = {f"importance{end}": importance + more / 20 for end, more in ENDS}
            yield (
                usable
                | ALL
                | {"kind": kind, "driver": driver, "level": level, "reference_level": levels[0], "level_place": place}
                | {"responses_at_level": 300, "is_reference": place == 0, "q": 0.01 if place else None}
                | if_all
                | part
                | (effect if place else {})
            )
    refused = {"kind": "experience", "driver": "channel", "level": "app", "reference_level": "app", "level_place": 0, "responses": 150}
    refused |= {"responses_at_level": 31, "is_reference": True, "is_usable": False, "verdict": "too few answers: 150 of at least 200"}
    yield ANSWERS | YEAR | ALL | refused


ENDS = (("", 0), ("_low", -1), ("_high", 1))


def _curves() -> Rows:
    for place, bucket in enumerate(("under 1 day", "1 to 2 days", "3 to 6 days", "7 days or more")):
        effect = {f"promoter_effect{end}": -4 * place + more for end, more in ENDS} if place else {}
        yield (
            ANSWERS
            | YEAR
            | ALL
            | {
                "bucket": bucket,
                "verdict": "usable",
                "bucket_place": place,
                "from_days": place,
                "responses": 900,
                "responses_in_bucket": 90,
            }
            | {"nps": 40 - 9 * place, "nps_low": 30 - 9 * place, "nps_high": 50 - 9 * place, "is_usable": True, "is_threshold": place == 2}
            | effect
        )


def _themes() -> Rows:
    months = [date(2025, month, 1) for month in range(9, 13)]
    for theme, name, parent, mentions in (
        ("price", "Price", None, 90),
        ("billing", "Wrong bills", "price", 60),
        ("staff", "Staff", None, 40),
    ):
        about = ANSWERS | {"theme": theme, "theme_name": name, "parent_theme": parent, "reporting": "reportable"}
        about |= {"mentions": mentions, "comments": 300, "example_response_ids": f"{EXAMPLE},{EXAMPLE}"}
        about |= {"share": mentions / 3, "share_low": mentions / 3 - 4, "share_high": mentions / 3 + 4, "is_emerging": False}
        scores = {"nps": 60 - mentions, "nps_low": 50 - mentions, "nps_high": 70 - mentions, "sentiment": 0.12, "sentiment_n": 30}
        change = {"share_before": mentions / 4, "change": 5, "change_low": -1 if theme == "staff" else 1, "change_high": 9}
        yield about | NEWEST | ALL | scores | change
        yield about | NEWEST | {"dimension": "product", "dimension_value": "P1"} | scores
        for month in months:
            yield about | ALL | {"period_grain": "month", "period_starts_on": month, "period_ends_on": month.replace(day=30)}
        if theme == "billing":
            window = {"period_grain": "rolling_28_days", "period_starts_on": date(2026, 2, 4), "period_ends_on": date(2026, 3, 3)}
            is_new = {"is_emerging": True, "share_before": 0, "p": 0.0001, "q_value": 0.001}
            yield about | window | {"dimension": "product", "dimension_value": "P1"} | is_new


def _quality(theme: str, name: str) -> dict[str, Any]:
    agreement = {"n": 40, "labelled": 30, "found": 28, "agreed": 27, "precision_share": 96.4, "precision_low": 82, "precision_high": 99}
    agreement |= {"recall_share": 90, "recall_low": 74, "recall_high": 97}
    return {"label_set": "own", "theme": theme, "theme_name": name, "language": "en"} | agreement


def _panel() -> Rows:
    for number, quarter in enumerate((date(2025, 4, 1), date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1))):
        ends = (date(2025, 6, 30), date(2025, 9, 30), date(2025, 12, 31), date(2026, 3, 31))[number]
        for name, score in (("We", 12), ("Far <b>", -20), ("Near", 14)):
            weighted = {
                "nps_weighted": score + 1,
                "nps_weighted_low": score - 8,
                "nps_weighted_high": score + 10,
                "n_effective_weighted": 98,
            }
            gap = {"gap": 12 - score, "gap_low": 2 - score, "gap_high": 22 - score} if name != "We" else {}
            yield (
                {"panel": "Panel", "competitor": name, "period_grain": "quarter", "reporting": "reportable", "responses": 125}
                | {"nps": score, "nps_low": score - 9, "nps_high": score + 9, "weighted_responses": 125, "is_own": name == "We"}
                | {"period_starts_on": quarter, "period_ends_on": ends}
                | weighted
                | gap
            )


def _employees() -> Rows:
    for starts_on, ends_on in ((date(2025, 3, 1), date(2025, 3, 31)), (date(2025, 9, 1), date(2025, 9, 30))):
        survey = {"programme": "employees", "metric": "nps", "period": f"{starts_on} to {ends_on}"}
        survey |= {"period_starts_on": starts_on, "period_ends_on": ends_on}
        shown = {"reporting": "reportable", "responses": 60, "nps": 5, "nps_low": -9, "nps_high": 19}
        yield survey | shown | {"org_unit_id": None, "unit_kind": "everybody"}
        yield survey | shown | {"org_unit_id": "B1", "unit_kind": "branch"}
        yield survey | {"org_unit_id": HIDDEN_TEAM, "unit_kind": "team", "reporting": "hidden"}


def _roles() -> Rows:
    for account in range(3):
        for role, silent in (("decision maker", account < 2), ("user", False)):
            heard = {"promoters": 0 if silent else 2, "passives": 0, "detractors": 0, "answers": 0 if silent else 2}
            yield {
                "account_id": f"K{account}",
                "contact_role": role,
                "contacts": 2,
                "asked_contacts": 2,
                "silent_contacts": 2 * silent,
            } | heard


def _account(number: int) -> dict[str, Any]:
    counted = {"contacts": 4, "asked_contacts": 4, "silent_contacts": 2, "promoters": 2, "passives": 0, "detractors": 0, "answers": 2}
    return {"account_id": f"K{number}", "industry": "trade", "known_roles": 2, "silent_roles": int(number < 2)} | counted


def _goals() -> Rows:
    quarter = {"period_grain": "quarter", "period_starts_on": date(2026, 1, 1), "period_ends_on": date(2026, 3, 31)}
    for goal, parent, cell, status, agrees in (
        ("all-q1", None, ALL, "open", False),
        ("family-q1", "all-q1", {"dimension": "segment", "dimension_value": "family"}, "likely", None),
    ):
        yield (
            ANSWERS
            | quarter
            | cell
            | {"goal_id": goal, "parent_goal_id": parent, "owner": "claims", "target": 45, "responses": 210, "reporting": "reportable"}
            | {"nps": 43, "nps_low": 34, "nps_high": 51, "projected_nps": 43.5, "projected_low": 36, "projected_high": 50}
            | {"probability_met": 0.41, "status": status, "children": 1 if agrees is False else 0, "is_consistent": agrees}
            | {"children_imply": 41.2 if agrees is False else None, "responses_before": 800, "responses_to_come": 100}
        )


def _initiative(number: int, state: str) -> dict[str, Any]:
    worth = {
        "customers_affected": 400,
        "value_per_customer": 55,
        "value_at_stake": 22_000,
        "confidence": 0.5,
        "cost": 4_000,
        "priority": 2.75,
    }
    about = {
        "initiative_id": f"initiative-{number}",
        "title": f"Answer letters {number}",
        "state": state,
        "owner": "claims",
        "rank": number,
    }
    return about | worth | {"due_on": date(2026, 6, 30), "theme": "billing", "came_from": "huddle", "measure": "nps of product P1"}


def _effect() -> dict[str, Any]:
    when = {"measure_registered_at": date(2025, 6, 1), "started_on": date(2025, 7, 1), "done_on": date(2025, 9, 30)}
    found = {"effect": 6.1, "effect_low": 1.2, "effect_high": 11.0, "effect_verdict": "usable", "comparable_units": 14}
    return when | found | {"is_registered_before_start": True}


def _model(name: str, verdict: str, *, is_published: bool = False) -> dict[str, Any]:
    counts = {"responses": 1_400, "silent_customers": 3_000, "n_train": 900, "n_calibration": 250, "n_test": 250}
    found = {"brier": 0.51, "prior_brier": 0.55, "brier_gain": 0.04, "calibration_error": 0.03, "missed_by": 1.3, "missed_by_low": -4}
    return ANSWERS | counts | found | {"model": name, "verdict": verdict, "is_published": is_published, "missed_by_high": 7}


def _silent(dimension: str, value: str, score: Any) -> dict[str, Any]:
    shares = {"predicted_promoter_share": 70, "predicted_detractor_share": 10, "predicted_nps": score}
    cell = {"dimension": dimension, "dimension_value": value, "model": "boosting", "reporting": "modelled"}
    ends = {"predicted_nps_low": float(score) - 5, "predicted_nps_high": float(score) + 5}
    return ANSWERS | cell | shares | ends | {"silent_customers": 900, "held_out_responses": 120}
