"""What moving a customer from one band to another is worth: each metric, all customers and each segment.

Who is in the study, and what is known of each, is cut in SQL: `int_band_conversions__study`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects import covariates, models
from shopkeeper.analysis.effects.models import Array
from shopkeeper.analysis.effects.publication import Effect, Judged, Study, describe_left_out, judge
from shopkeeper.analysis.effects.records import balance_rows, keep_balance, keep_fits, told
from shopkeeper.company.config import Company
from shopkeeper.warehouse.analysis_tables import BAND_CONVERSION_VALUES

BANDS = ("detractor", "passive", "promoter")
ANALYSIS = "band conversion"
NAMED = ("segment", "region", "country", "acquisition_channel", "previous_band")

_STUDY = """
    select metric, segment, region, country, acquisition_channel, previous_band, band, tenure_days, interactions, calls, complaints,
        worst_call, margin_before, margin_after
    from intermediate.int_band_conversions__study
    order by metric, customer_id
"""


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `band_conversion_values`, the balance of its comparisons and its fits; returns how many values may be published.

    Writes no row where nobody answered a year ago, or finance does not reach back as far.
    """
    asked = columns.read(connection, _STUDY)
    rows: list[dict[str, Any]] = []
    balances: list[dict[str, Any]] = []
    fits: dict[str, dict[str, Any]] = {}
    metrics = _text(asked, "metric")
    for metric in np.unique(metrics[metrics != None]):  # noqa: E711
        of_metric = asked.filter(pa.array(metrics == metric))
        segments = _text(of_metric, "segment")
        for segment in ("all", *sorted({name for name in segments if name is not None} - {"all"})):
            part = of_metric if segment == "all" else of_metric.filter(pa.array(segments == segment))
            if not part["band"].null_count < len(part):
                continue
            known, study = cut(part)
            judged = judge(study)
            rows += [
                {"metric": metric, "segment": segment, **_row(effect, describe_left_out(study, judged.kept), company)}
                for effect in judged.effects
            ]
            balances += balance_rows(judged, analysis=ANALYSIS, metric=str(metric), segment=segment)
            fits[f"{metric}: {segment}"] = _fit(known, study, judged)
    columns.write(connection, BAND_CONVERSION_VALUES, build_id, told(BAND_CONVERSION_VALUES, rows))
    keep_balance(connection, build_id, ANALYSIS, balances)
    keep_fits(connection, build_id, ANALYSIS, fits)
    return {"values": len(rows), "usable": sum(row["effect"] is not None for row in rows)}


def cut(asked: pa.Table) -> tuple[covariates.Covariates, Study]:
    """The covariates of all who were asked, and the study of those who answered. `asked` has the columns of the SQL model."""
    numbers = {name: asked[name].to_numpy().astype(float) for name in ("tenure_days", "interactions", "calls", "complaints", "worst_call")}
    known = covariates.columns(
        {name.replace("_", " "): _text(asked, name) for name in NAMED},
        {
            "tenure": np.log1p(np.maximum(numbers["tenure_days"], 0) / 365),
            "interactions": np.log1p(numbers["interactions"]),
            "calls": np.log1p(numbers["calls"]),
            "complained": np.minimum(numbers["complaints"], 1),
            "worst call": numbers["worst_call"],
        },
        curved=["tenure"],
        crossed="segment",
    )
    band = _text(asked, "band")
    answered = np.array([name in BANDS for name in band], bool)
    study = Study(
        arms=BANDS,
        covariates=known.where(answered),
        before=asked["margin_before"].to_numpy().astype(float)[answered],
        arm=np.array([BANDS.index(name) for name in band[answered]], int),
        outcome=asked["margin_after"].to_numpy().astype(float)[answered],
        weight=models.answering_weights(known.values, answered),
    )
    return known, study


def _text(table: pa.Table, name: str) -> Array:
    return np.array(table[name].to_pylist(), object)


def _row(effect: Effect, left_out: str, company: Company) -> dict[str, Any]:
    return {
        "from_band": effect.from_arm,
        "to_band": effect.to_arm,
        "customers": effect.rows,
        "customers_kept": effect.rows_kept,
        **effect.numbers("naive_difference", "naive", effect.naive if effect.smallest_arm >= company.minimum_n.hidden_below else None),
        **effect.numbers("effect", "effect", effect.effect),
        "dropped_share": effect.dropped_share,
        "smallest_effective_n": effect.smallest_effective_n,
        "largest_imbalance": effect.balance.largest if effect.balance else None,
        "negative_control_p": effect.control_p,
        "e_value": effect.e_value,
        "speaks_for": f"customers of a year or more who were asked {left_out}" if effect.effect else None,
        "verdict": effect.verdict,
    }


def _fit(known: covariates.Covariates, study: Study, judged: Judged) -> dict[str, Any]:
    return {
        "asked": len(known.values),
        "answered": len(study.arm),
        "kept": int(judged.kept.sum()),
        "answers_by_band": dict(zip(BANDS, np.bincount(study.arm, minlength=len(BANDS)).tolist(), strict=True)),
        "largest_answering_weight": round(float(study.weight.max(initial=0.0)), 4),
        "covariates": known.names,
        "checks": [effect.checks() for effect in judged.effects],
    }
