"""A published world for the report: marts exactly as dbt's contracts say, with as many answers as are wanted.

Answers, invitations and their scores are made by SQL; what analyses find is written by hand, so that every page has something to show: a
month in which the way of asking changed, a branch far outside the funnel, one whose answers look odd, checks that failed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.distribution.published import contracts
from tests.quality import report_outer

READ = (
    *("dim_org_units", "dim_products", "fct_survey_responses", "fct_survey_invitations", "nps_current", "nps_by_segment"),
    *("metric_reliability", "response_rates", "response_flow", "representativeness", "survey_weightings", "sensitivity_bands"),
    *("control_charts", "score_changes", "unit_comparisons", "gaming_signals", "survey_frame_coverage"),
    *("nps_daily_counts", "nps_pair_counts"),
    *report_outer.found(),
)
AS_OF = datetime(2026, 3, 3, 23, tzinfo=UTC)
AS_OF_ON = date(2026, 3, 4)  # in Berlin
WINDOW = {"period_grain": "rolling_90_days", "period_starts_on": date(2025, 12, 4), "period_ends_on": date(2026, 3, 3)}
MONTHS = [date(2024 + month // 12, month % 12 + 1, 1) for month in range(2, 26)]
BRANCHES = 24
PERSON, ADDRESS = "Petra Plotzka", "petra.plotzka@example.org"  # in raw rows and rejects; never in the report
HOSTILE = "=cmd|' /C calc'!A0 <b>Branch</b>"

# The old provider's page by month: right but rounded, then answers that never came here, then another way of counting; and a programme
# of which nothing is here.
STATED = """
insert into quality.stated_scores
    (build_id, provider, programme, metric, period_grain, period_starts_on, period_ends_on, score, digits, answers)
select :build_id, 'archive', 'transactional', 'nps', 'month', month, month + interval '1 month' - interval '1 day',
    round(score) + case when place = 3 then 6 else 0 end, 0, answers + case when place = 2 then 40 else 0 end
from (
    select
        date_trunc('month', responded_on) as month, count(*) as answers,
        100.0 * (count(*) filter (where band = 'promoter') - count(*) filter (where band = 'detractor')) / count(*) as score,
        row_number() over (order by date_trunc('month', responded_on) desc) as place
    from marts.fct_survey_responses
    where provider = 'archive' and programme = 'transactional' and responded_on < '2025-12-01'
    group by date_trunc('month', responded_on)
) as months
where place <= 6
union all
values (
    :build_id, 'archive', 'web_chat', 'nps', 'year', cast('2025-01-01' as date), cast('2025-12-31' as date), 50, 1, cast(null as bigint)
)
"""

Rows = Iterable[dict[str, Any]]


def fill(connection: sa.Connection, *, answers: int, publications: int = 2) -> None:
    """Everything that the report reads, with so many answers and four times as many invitations."""
    known = contracts()
    for name in READ:
        columns = ", ".join(f'"{column}" {kind}' for column, kind in known[name].items())
        connection.execute(sa.text(f"create table marts.{name} ({columns})"))
    script = (Path(__file__).parent / "report_world.sql").read_text()
    for statement in filter(str.strip, script.split(";;")):
        connection.execute(sa.text(statement), {"answers": answers, "as_of": AS_OF, "branches": BRANCHES, "hostile": HOSTILE})
    for mart, made in (_found() | report_outer.found()).items():
        add(connection, f"marts.{mart}", made)
    _evidence(connection, publications)


def add(connection: sa.Connection, table: str, rows: Rows) -> None:
    """Rows by their columns; what they leave out is empty."""
    for row in rows:
        names = ", ".join(row)
        connection.execute(sa.text(f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in row)})"), row)


def _found() -> dict[str, Rows]:
    chance = random.Random(5)
    return {
        "metric_reliability": [*_verdicts()],
        "survey_weightings": [
            {
                "programme": "relationship",
                "wave": f"2025-{number}",
                "method": "raking",
                "margins": "segment, tenure_band",
                "warnings": "margins belong crossed: segment × tenure_band" if number == 2 else None,
                "frame": 20_000,
                "invited": 600,
                "answers": 190,
                "weighted_answers": 190,
                "trimmed": 3,
                "iterations": 9,
                "design_effect": 1.21,
                "n_effective": 157.0,
                "is_converged": True,
                "crossings_differ": number == 2,
                "invited_from": date(2025, 6 * number, 5),
                "invited_to": date(2025, 6 * number, 25),
            }
            for number in (1, 2)
        ],
        "sensitivity_bands": [
            {
                "programme": programme,
                "metric": "nps",
                "nps_weighted": 40.1,
                "nps_weighted_low": 36.2,
                "nps_weighted_high": 44.0,
                "answering_from": 0.5,
                "answering_to": 1.5,
                "nps_low_end": 18.4,
                "nps_low_end_low": 14.0,
                "nps_low_end_high": 22.8,
                "nps_high_end": 51.0,
                "nps_high_end_low": 47.1,
                "nps_high_end_high": 54.9,
                "tipping_ratio": 0.2,
                "goal": 42.0,
                "sign_flips": False,
                "goal_flips": programme == "relationship",
                **{name: WINDOW[name] for name in ("period_starts_on", "period_ends_on")},
            }
            for programme in ("relationship", "transactional")
        ],
        "response_rates": [*_rates()],
        "response_flow": [
            {"programme": programme, **WINDOW, "from_step": origin, "to_step": target, "invitations": count}
            for programme in ("relationship", "transactional")
            for origin, target, count in (
                ("candidates", "eligible", 9_400),
                ("candidates", "staff", 120),
                ("candidates", "not eligible", 480),
                ("eligible", "quarantine_programme", 3_100),
                ("eligible", "no_email", 220),
                ("eligible", "not drawn", 4_080),
                ("eligible", "drawn", 2_000),
                ("drawn", "asked", 1_930),
                ("drawn", "not sent", 70),
                ("asked", "completed", 560),
                ("asked", "partial", 60),
                ("asked", "refused", 45),
                ("asked", "not started", 1_210),
                ("asked", "unknown", 55),
            )
        ],
        "representativeness": [*_representative()],
        "control_charts": [*_charts(chance)],
        "score_changes": [*_changes()],
        "unit_comparisons": [*_units(chance)],
        "gaming_signals": [
            {
                "programme": "transactional",
                "dimension": "branch",
                "dimension_value": f"B{branch}",
                "signal": signal,
                "words": "review: more bounces after addresses were edited here than elsewhere" if branch == 7 else None,
                "evidence": "I4711, I4712, I4715" if branch == 7 else None,
                "n": 120,
                "observed": 21 if branch == 7 else 4,
                "expected": 4.2,
                "z": 5.1 if branch == 7 else 0.3,
                "p": 0.000_001 if branch == 7 else 0.4,
                "q_value": 0.000_1 if branch == 7 else 0.9,
                "needs_review": branch == 7 and signal == "addresses_edited",
            }
            for branch in range(BRANCHES)
            for signal in ("addresses_edited", "excess_nines_and_tens")
        ],
        "survey_frame_coverage": [
            {
                "programme": "relationship",
                "wave": f"2026-{number}",
                "outcome": outcome,
                "reason": reason,
                "candidates": count,
                "candidates_of_wave": 10_000,
                "share_of_wave": count / 10_000,
                "as_of_on": date(2026, 1, 5 + 10 * number),
            }
            for number in (1, 2)
            for outcome, reason, count in (
                ("drawn", "drawn", 600),
                ("not_drawn", "not_drawn", 6_200),
                ("turned_away", "quarantine", 2_400),
                ("turned_away", "no_address", 500),
                ("turned_away", "opted_out", 300),
            )
        ],
    }


def _verdicts() -> Rows:
    reasons = {
        "relationship": ("usable with care", "the goal is met at one end of the sensitivity band and missed at the other; period not over"),
        "transactional": ("sound", None),
        "by_phone": ("not to be published", "fewer than 10 answers"),
    }
    for programme, (verdict, why) in reasons.items():
        shared = {"programme": programme, "metric": "nps", "verdict": verdict, "reasons": why, "has_frame": programme != "by_phone"}
        shared |= {
            "responses": 600,
            "nps": 41.2,
            "margin_of_error": 3.9,
            "response_rate": 0.29,
            "excluded_share": 0.02,
            "quarantined_sends": 1930,
            "quarantine_breaches": 3 if programme == "relationship" else 0,
            "breaches_after_decline": 3 if programme == "relationship" else 0,
            "phone_nps": 20.4 if programme == "relationship" else None,
            "phone_nps_low": 6.1 if programme == "relationship" else None,
            "phone_nps_high": 33.9 if programme == "relationship" else None,
        }
        yield shared | WINDOW | {"is_current": True}
        for month in MONTHS[-6:]:
            yield shared | {"period_grain": "month", "period_starts_on": month, "period_ends_on": _last(month), "is_current": False}


def _rates() -> Rows:
    counts = {"invitations_sent": 1930, "completed": 560, "partial": 60, "refused": 45, "not_started": 1210, "other": 0, "unknown": 55}
    counts |= {"eligible": 9400, "covered": 6080, "not_eligible": 0, "not_sent": 70}
    shares = {"rr1": 0.29, "rr2": 0.321, "rr3": 0.29, "rr4": 0.321, "rr5": 0.299, "rr6": 0.331, "coverage": 0.647}
    shares |= {"cooperation_rate": 0.842, "refusal_rate": 0.023, "contact_rate": 0.345, "completed_of_sent": 0.29}
    for programme in ("relationship", "transactional"):
        places = [WINDOW] + [{"period_grain": "month", "period_starts_on": month, "period_ends_on": _last(month)} for month in MONTHS]
        for number, period in enumerate(places):
            here = {**shares, "rr1": round(shares["rr1"] + 0.01 * (number % 5 - 2), 4)}
            yield {
                "programme": programme,
                **period,
                "dimension": "all",
                "dimension_value": "all",
                **counts,
                **here,
                "is_mature": number > 0,
            }
        for segment in ("private", "family", "business"):
            yield {
                "programme": programme,
                **WINDOW,
                "dimension": "segment",
                "dimension_value": segment,
                **counts,
                **shares,
                "is_mature": True,
            }


def _representative() -> Rows:
    for number in (1, 2):
        about = {"programme": "relationship", "wave": f"2025-{number}"}
        yield about | {"variable": "all", "category": "all", "r_indicator": 0.86, "r_low": 0.81, "r_high": 0.91, "bias_bound": 6.2}
        for variable, frame, answered in (
            ("segment", {"private": 0.55, "family": 0.3, "business": 0.15}, {"private": 0.47, "family": 0.33, "business": 0.2}),
            (
                "tenure_band",
                {"under 1 year": 0.2, "1 to 3 years": 0.35, "over 3 years": 0.45},
                {"under 1 year": 0.12, "1 to 3 years": 0.33, "over 3 years": 0.55},
            ),
        ):
            for category, share in frame.items():
                shares = {"frame_share": share, "respondent_share": answered[category], "weighted_share": share}
                yield about | shares | {"variable": variable, "category": category, "response_propensity": 0.3, "partial_r": 0.03}
        yield about | {"variable": "early_late", "category": "before a reminder against after it", "gap": 3.4, "z": 1.2, "p": 0.23}


def _charts(chance: random.Random) -> Rows:
    for chart, usual, spread in (("promoter_share", 57.0, 4.0), ("detractor_share", 14.0, 3.0), ("nps", 43.0, 6.0), ("nps_xmr", 43.0, 5.0)):
        for grain, starts in (("month", MONTHS[:-1]), ("week", [date(2025, 9, 1) + timedelta(days=7 * week) for week in range(26)])):
            for number, starts_on in enumerate(starts):
                is_odd = number == len(starts) - 2 and chart == "detractor_share"
                yield {
                    "programme": "transactional",
                    "metric": "nps",
                    "period_grain": grain,
                    "chart": chart,
                    "signals": "above the upper limit" if is_odd else None,
                    "n": 120 + number,
                    "value": round(usual + (4.1 * spread if is_odd else chance.uniform(-1, 1) * spread), 4),
                    "centre": usual,
                    "low": usual - 3 * spread,
                    "high": usual + 3 * spread,
                    "phase": 0 if number < 14 else 1,
                    "period_starts_on": starts_on,
                    "period_ends_on": _last(starts_on) if grain == "month" else starts_on + timedelta(days=6),
                }


def _changes() -> Rows:
    base = {"programme": "transactional", "metric": "nps", "responses": 610, "responses_before": 580, "is_method_break": False}
    total = {"part": "total", "dimension_value": "all", "change": -2.4, "z": -0.9, "p": 0.37, "is_significant": False}
    yield base | WINDOW | total | {"dimension": "all", "rate_part": -2.4, "mix_part": 0.0}
    yield base | WINDOW | total | {"dimension": "segment", "rate_part": -1.9, "mix_part": -0.5}
    for value, rate, mix in (("private", -2.6, -0.1), ("family", 0.5, -0.2), ("business", 0.2, -0.2)):
        yield (
            base
            | WINDOW
            | {"dimension": "segment", "part": "value", "dimension_value": value, "change": rate * 2, "rate_part": rate, "mix_part": mix}
        )


def _units(chance: random.Random) -> Rows:
    for dimension, prefix, units in (("branch", "B", BRANCHES), ("org_region", "R", 4)):
        for unit in range(units):
            n = 12 + 9 * unit
            half = 152 / n**0.5
            score = 42 + (chance.uniform(-0.6, 0.6) * half if unit != 20 else -1.9 * half)
            shrunk = units >= 8
            yield {
                "programme": "transactional",
                "metric": "nps",
                **WINDOW,
                "dimension": dimension,
                "dimension_value": f"{prefix}{unit}",
                "unit_name": HOSTILE if (prefix, unit) == ("B", 0) else f"{'Branch' if prefix == 'B' else 'Region'} {unit}",
                "reporting": "reportable" if n >= 30 else "indicative",
                "outside": "below 99.8 %" if unit == 20 else None,
                "n": n,
                "units_compared": units,
                "nps": score,
                "nps_of_all_units": 42.0,
                "funnel_low_95": max(-100, 42 - half),
                "funnel_high_95": min(100, 42 + half),
                "funnel_low_998": max(-100, 42 - 1.58 * half),
                "funnel_high_998": min(100, 42 + 1.58 * half),
                "nps_shrunk": 42 + (score - 42) * n / (n + 90) if shrunk else None,
                "nps_shrunk_low": 42 + (score - 42) * n / (n + 90) - 11 if shrunk else None,
                "nps_shrunk_high": 42 + (score - 42) * n / (n + 90) + 11 if shrunk else None,
                "probability_top_quartile": round(1 / (1 + 2.7 ** (-(score - 50) / 9)), 4) if shrunk and n >= 30 else None,
                "prior_strength": 90.0 if shrunk else None,
            }


def _evidence(connection: sa.Connection, publications: int) -> None:
    settings = {"as_of_on": "2026-03-04", "company_timezone": "Europe/Berlin", "company_currency": "EUR", "maturity_days": 30}
    settings |= {"hidden_below": 10, "indicative_below": 30, "indicative_half_width": 15}
    for number in range(1, publications + 1):
        made = {"as_of": AS_OF, "known_at": AS_OF, "config_hash": f"{number}config01234", "git_commit": "c0ffee1234567"}
        frozen = {"code_hash": "code", "is_full_refresh": False, "started_at": AS_OF, "status": "published"}
        add(connection, "ops.builds", [made | frozen | {"settings": json.dumps(settings)}])
        publication = made | {"build_id": number, "gates_passed": 40, "gates_warned": 1, "published_at": AS_OF}
        add(connection, "quality.publications", [publication])
    connection.execute(sa.text(STATED), {"build_id": publications})
    batch = {
        "entity": "survey_responses",
        "source": "archive",
        "kind": "window",
        "status": "passed",
        "loaded_at": AS_OF - timedelta(days=1),
    }
    add(connection, "ops.batches", [batch | {"rows_in": 1000, "accepted": 960, "unchanged": 30, "rejected": 10}])
    connection.execute(sa.text("insert into ops.build_batches select build_id, batch_id from ops.builds cross join ops.batches"))
    check = {"checked_at": AS_OF, "rows_checked": 1000, "expectation": "expect", "suite": "survey_responses", "subject": "batch"}
    broken = {"subject": "publication", "suite": "mart_nps_current", "description": "no score moved by more than 20 points"}
    add(
        connection,
        "quality.gate_results",
        [
            check | {"batch_id": 1, "description": "score is 0 to 10", "severity": "critical", "succeeded": True, "rows_failed": 0},
            check
            | broken
            | {"build_id": publications, "severity": "warning", "succeeded": False, "rows_failed": 3, "reason": "Broken by 3 rows."},
        ],
    )
    ran = {"build_id": publications, "invocation_id": "one", "seconds": 1.5}
    nodes = {"model": ("nps_current", "success"), "test": ("unique_nps_current_cell_id", "pass")}
    results = [
        ran | {"node_id": f"{kind}.shopkeeper.{name}", "resource_type": kind, "status": status} for kind, (name, status) in nodes.items()
    ]
    add(connection, "quality.dbt_results", results)
    available = {"is_mapped": True, "sources": "archive", "newest_record_at": AS_OF, "rows_current": 960}
    absent = {"is_mapped": False, "sources": "", "newest_record_at": None, "rows_current": 0}
    add(connection, "quality.entity_availability", [{"entity": "survey_responses"} | available, {"entity": "calls"} | absent])
    connection.execute(
        sa.text("""
            insert into rejected.rows
                (entity, source, payload_hash, payload, natural_key, column_name, reason, first_batch_id, last_batch_id)
            select 'survey_responses', 'archive', md5(a::text)::uuid,
                jsonb_build_object('name', cast(:person as text), 'email', cast(:address as text)),
                'crm' || chr(31) || a, 'score', 'is not between 0 and 10', 1, 1
            from generate_series(1, 10) as a
        """),
        {"person": PERSON, "address": ADDRESS},
    )


def _last(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
