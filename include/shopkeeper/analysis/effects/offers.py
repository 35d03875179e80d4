"""What an offer does to the score: with against without, and accepted against declined, adjusted for who is offered.

Which answers, and what was known of each customer before, is cut in SQL: `int_offers__answers`. The negative control is the customer's
answer before: an offer cannot have moved it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects import covariates
from shopkeeper.analysis.effects.models import Array
from shopkeeper.analysis.effects.publication import Effect, Study, judge
from shopkeeper.analysis.effects.records import balance_rows, keep_balance, keep_fits, told
from shopkeeper.company.config import Company
from shopkeeper.warehouse.analysis_tables import OFFER_EFFECTS

ANALYSIS = "offers"
LONGEST = "rolling_365_days"  # the period whose balance and checks are kept
NAMED = ("segment", "region", "channel", "interaction_type")
ARMS = {"made": ("no offer", "offer"), "accepted": ("declined", "accepted")}

_ANSWERS = """
    select metric, period_grain, period_starts_on, offer_type, segment, region, channel, interaction_type, mark,
        coalesce(previous_mark, 0) as previous_mark, previous_mark is not null as has_answered_before, tenure_days, margin_before,
        is_offered, is_accepted
    from intermediate.int_offers__answers
    order by metric, period_grain, period_starts_on, customer_id
"""


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `offer_effects`, the balance of the longest period and its fits; returns how many effects may be published.

    Writes no row where no offer was recorded at an interaction that somebody answered about.
    """
    answers = columns.read(connection, _ANSWERS)
    rows: list[dict[str, Any]] = []
    balances: list[dict[str, Any]] = []
    fits: dict[str, dict[str, Any]] = {}
    for (metric, grain, starts_on), period in _periods(answers):
        types = period["offer_type"].to_pylist()
        for offer_type in ("all", *sorted({name for name in types if name is not None} - {"all"})):
            for contrast, arms in ARMS.items():
                study = cut(period, contrast, offer_type)
                if not study.arm.any():
                    continue
                judged = judge(study)
                cell = {"metric": metric, "offer_type": offer_type, "period_grain": grain, "period_starts_on": starts_on}
                rows.append({**cell, "contrast": contrast, **_row(judged.effects[0])})
                if grain == LONGEST:
                    balances += balance_rows(judged, analysis=ANALYSIS, metric=metric, segment=offer_type)
                    fits[f"{metric}: {offer_type}, {arms[1]} against {arms[0]}"] = {
                        "answers": dict(zip(arms, np.bincount(study.arm, minlength=2).tolist(), strict=True)),
                        "covariates": study.covariates.names,
                        **judged.effects[0].checks(),
                    }
    columns.write(connection, OFFER_EFFECTS, build_id, told(OFFER_EFFECTS, rows))
    keep_balance(connection, build_id, ANALYSIS, balances)
    keep_fits(connection, build_id, ANALYSIS, fits)
    return {"effects": len(rows), "usable": sum(row["effect"] is not None for row in rows)}


def _periods(answers: pa.Table) -> Iterator[tuple[tuple[str, str, Any], pa.Table]]:
    keys = list(zip(*(answers[name].to_pylist() for name in ("metric", "period_grain", "period_starts_on")), strict=True))
    bounds = [0, *(row for row in range(1, len(keys)) if keys[row] != keys[row - 1]), len(keys)]
    for start, end in itertools.pairwise(bounds):
        if end > start:
            yield keys[start], answers.slice(start, end - start)


def cut(period: pa.Table, contrast: str, offer_type: str) -> Study:
    """The study of one contrast among the answers of one period; `offer_type` is `all` or one type, which is set against no offer.

    Outcomes are points: 100 for a promoter, −100 for a detractor.
    """
    is_offered = _flags(period, "is_offered")
    of_type = is_offered if offer_type == "all" else np.array(period["offer_type"].to_pylist(), object) == offer_type
    chosen = of_type | ~is_offered if contrast == "made" else of_type
    part = period.filter(pa.array(chosen))
    named = {name.replace("_", " "): np.array(part[name].to_pylist(), object) for name in NAMED}
    measured = {
        "tenure": np.log1p(np.maximum(_numbers(part, "tenure_days"), 0) / 365),
        "margin before": _numbers(part, "margin_before"),
        "has answered before": _flags(part, "has_answered_before"),
    }
    return Study(
        arms=ARMS[contrast],
        covariates=covariates.columns(named, measured, curved=["tenure"]),
        before=100 * _numbers(part, "previous_mark"),
        arm=_flags(part, "is_offered" if contrast == "made" else "is_accepted").astype(int),
        outcome=100 * _numbers(part, "mark"),
        weight=np.ones(len(part)),
    )


def _flags(table: pa.Table, name: str) -> Array:
    return np.array([bool(value) for value in table[name].to_pylist()], bool)


def _numbers(table: pa.Table, name: str) -> Array:
    values: Array = table[name].to_numpy().astype(float)
    return values


def _row(effect: Effect) -> dict[str, Any]:
    return {
        **effect.numbers("effect", "effect", effect.effect),
        "customers_kept": effect.rows_kept,
        "dropped_share": effect.dropped_share,
        "smallest_effective_n": effect.smallest_effective_n,
        "largest_imbalance": effect.balance.largest if effect.balance else None,
        "negative_control_p": effect.control_p,
        "verdict": effect.verdict,
    }
