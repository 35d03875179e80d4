"""What the silent of each programme would probably have said, and how good the models are: schema `analysis`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import keep_fits, told
from shopkeeper.analysis.predicted.groups import Group, groups
from shopkeeper.analysis.predicted.models import BANDS
from shopkeeper.analysis.predicted.reading import Programme, read
from shopkeeper.analysis.predicted.study import Quality, Study, study
from shopkeeper.company.config import Company
from shopkeeper.warehouse.prediction_tables import PREDICTED_CUSTOMERS, PREDICTED_QUALITY, PREDICTED_SCORES

ANALYSIS = "predicted"
DIGITS = 6

Row = dict[str, Any]


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `predicted_customers`, `predicted_quality`, `predicted_scores` and the fits.

    Returns for how many customers a prediction is published, and of how many programmes it is not.
    """
    customers: dict[str, list[Any]] = {column.name: [] for column in PREDICTED_CUSTOMERS.columns if column.name != "build_id"}
    qualities: list[Row] = []
    scores: list[Row] = []
    fits: dict[str, Row] = {}
    refused = 0
    for programme in read(connection):
        found = study(programme.asked)
        named = {"programme": programme.programme, "metric": programme.metric}
        silent = int(programme.asked.is_silent.sum())
        qualities += [named | _quality(quality, found, silent) for quality in found.qualities]
        scores += [named | {"model": found.model} | _score(group) for group in groups(programme.asked, found)]
        refused += found.model is None
        if found.slices is not None:
            fits[f"{programme.programme} {programme.metric}"] = {quality.model: _bins(quality) for quality in found.qualities}
        for name, values in _customers(programme, found).items():
            customers[name] += values
    for table in (PREDICTED_CUSTOMERS, PREDICTED_QUALITY, PREDICTED_SCORES):
        columns.forget_other_builds(connection, table, build_id)
    columns.write(connection, PREDICTED_CUSTOMERS, build_id, customers)
    columns.write(connection, PREDICTED_QUALITY, build_id, told(PREDICTED_QUALITY, qualities))
    columns.write(connection, PREDICTED_SCORES, build_id, told(PREDICTED_SCORES, scores))
    keep_fits(connection, build_id, ANALYSIS, fits)
    return {"customers": len(customers["customer_id"]), "programmes_refused": refused}


def _customers(programme: Programme, found: Study) -> dict[str, list[Any]]:
    """One row per silent customer; the chances add up to 1 as they are written."""
    if found.chances is None:
        return {}
    rows = np.flatnonzero(programme.asked.is_silent)
    rounded = np.round(found.chances[rows], DIGITS)
    rounded[:, 1] = 1 - rounded[:, 0] - rounded[:, 2]
    count = len(rows)
    return {
        "programme": [programme.programme] * count,
        "metric": [programme.metric] * count,
        "customer_id": programme.customer.take(rows).to_pylist(),
        "invitation_id": programme.invitation.take(rows).to_pylist(),
        "model": [found.model] * count,
        **{name: [f"{chance:.{DIGITS}f}" for chance in abs(rounded[:, k])] for k, name in enumerate(BANDS)},
    }


def _quality(quality: Quality, found: Study, silent: int) -> Row:
    slices = found.slices
    counts = (len(slices.train), len(slices.calibration), len(slices.test)) if slices else (None,) * 3
    days: tuple[date | None, ...] = tuple(map(_date, (*slices.begins, slices.ends))) if slices else (None,) * 4
    return {
        "model": quality.model,
        "verdict": quality.verdict,
        "answers": found.answers,
        "silent": silent,
        **dict(zip(("train_answers", "calibration_answers", "test_answers"), counts, strict=True)),
        **dict(zip(("train_starts_on", "calibration_starts_on", "test_starts_on", "test_ends_on"), days, strict=True)),
        "brier": quality.brier,
        "prior_brier": quality.prior_brier,
        **_ends("gain", quality.gain),
        "calibration_error": quality.calibration_error,
        "reliability": quality.reliability,
        "kappa": quality.kappa if quality.kappa is None or np.isfinite(quality.kappa) else None,
        "test_nps": quality.measured,
        **_ends("missed_by", quality.off),
    }


def _score(group: Group) -> Row:
    return {
        "dimension": group.dimension,
        "dimension_value": group.value,
        "silent": group.silent,
        "held_out_answers": group.held_out,
        "detractors": group.detractors,
        "promoters": group.promoters,
        **_ends("score", group.score),
    }


def _bins(quality: Quality) -> list[Row]:
    """Chances against what happened, by group of equal size among the newest answers."""
    return [
        {"band": band, "answers": answers, "chance": round(chance, DIGITS), "share": round(share, DIGITS)}
        for band, answers, chance, share in quality.bins
    ]


def _ends(name: str, interval: tuple[float, float, float] | None) -> Row:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval or (None,) * 3, strict=True))


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)
