"""Weights of a build's waves, and what is made of them: `weight_adjustments`, `survey_weightings`, `weighted_scores`, `sensitivity_bands`.

Who could have been asked, who was and who answered is counted in SQL (`int_weighting__*`); the weights of single answers are put
together there too, from design weight and adjustment. How: docs/weights.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.weights import reading, sensitivity
from shopkeeper.analysis.weights.reading import ReadWave, ScoredCells
from shopkeeper.analysis.weights.replicates import estimate
from shopkeeper.analysis.weights.sensitivity import BandedWave
from shopkeeper.analysis.weights.strata import margins_of
from shopkeeper.analysis.weights.wave import GROUPS, Array
from shopkeeper.analysis.weights.weighting import Weighting, weigh
from shopkeeper.company.config import Company
from shopkeeper.company.weights import Sensitivity, Weights
from shopkeeper.warehouse.weight_tables import SENSITIVITY_BANDS, SURVEY_WEIGHTINGS, WEIGHT_ADJUSTMENTS, WEIGHTED_SCORES

CURRENT = "rolling_90_days"
TABLES = (WEIGHT_ADJUSTMENTS, SURVEY_WEIGHTINGS, WEIGHTED_SCORES, SENSITIVITY_BANDS)


@dataclass(frozen=True)
class Weighted:
    """A wave with its weights; `first_row` is where they begin in the stacked weights of all waves."""

    read: ReadWave
    how: Weights
    weighting: Weighting
    first_row: int


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Weight every wave of the programmes that declare margins; returns how many waves, and how many of them come with warnings.

    Writes nothing where no programme declares margins or nobody was invited.
    """
    weighted: list[Weighted] = []
    rows = 0
    for wave in reading.waves(connection):
        how = company.weights[wave.programme]
        weighting = weigh(wave.wave, margins_of(how.method, how.margins), float(how.trim))
        weighted.append(Weighted(wave, how, weighting, rows))
        rows += len(wave.weighting_cells)
    weightings = [_weighting_row(each) for each in weighted]
    written = {
        WEIGHT_ADJUSTMENTS: [row for each in weighted for row in _adjustments(each)],
        SURVEY_WEIGHTINGS: weightings,
    }
    scored = reading.scored_cells(connection, _rows_by_name(weighted))
    weights = np.concatenate([np.zeros((0, 1 + GROUPS)), *(each.weighting.weights for each in weighted)])
    written[WEIGHTED_SCORES] = _scores(scored, weights)
    written[SENSITIVITY_BANDS] = _sensitivity(scored, weighted, company.sensitivity)
    for table in TABLES:
        columns.forget_other_builds(connection, table, build_id)
        columns.write(connection, table, build_id, told(table, written[table]))
    return {
        "waves": len(weighted),
        "with_warnings": sum(row["warnings"] is not None for row in weightings),
        "scores": len(written[WEIGHTED_SCORES]),
    }


def _rows_by_name(weighted: Sequence[Weighted]) -> Mapping[str, int]:
    return {name: each.first_row + row for each in weighted for row, name in enumerate(each.read.weighting_cells)}


def _adjustments(each: Weighted) -> list[dict[str, Any]]:
    """One row per margin cell with an answer that has a design weight; cells of one margin cell share an adjustment."""
    by_cell = dict(zip(each.read.wave.cell.tolist(), each.weighting.adjustment.tolist(), strict=True))
    return [
        {
            "programme": each.read.programme,
            "weighting_wave": each.read.name,
            "margin_cell": each.read.margin_cells[cell],
            "adjustment": adjustment,
        }
        for cell, adjustment in sorted(by_cell.items())
    ]


def _weighting_row(each: Weighted) -> dict[str, Any]:
    weighting, unweighted = each.weighting, each.read.unweighted
    warnings = list(weighting.warnings)
    if unweighted:
        warnings.append(
            f"{unweighted} answers have no weight: nobody knows what the chance of being asked was (a quota that stops on answers)"
        )
    return {
        "programme": each.read.programme,
        "weighting_wave": each.read.name,
        "method": each.how.method,
        "margins": ", ".join(each.how.margins),
        "iterations": weighting.iterations,
        "is_converged": weighting.is_converged,
        "trimmed": weighting.trimmed,
        "design_effect": _number(weighting.design_effect),
        "n_effective": _number(weighting.n_effective),
        "crossings_differ": weighting.crossings_differ if weighting.crossings else None,
        "warnings": "; ".join(warnings) or None,
    }


def _scores(scored: ScoredCells, weights: Array) -> list[dict[str, Any]]:
    if not scored.cells:
        return []
    scores = estimate(scored.answers, weights, len(scored.cells))
    return [
        {
            **cell,
            "weighted_responses": int(scores.answers[number]),
            "nps_weighted": _number(scores.nps[number]),
            "nps_weighted_low": _number(min(scores.low[number], scores.nps[number])),
            "nps_weighted_high": _number(max(scores.high[number], scores.nps[number])),
            "n_effective": _number(scores.n_effective[number]),
            "design_effect": _number(scores.design_effect[number]),
        }
        for number, cell in enumerate(scored.cells)
    ]


def _sensitivity(scored: ScoredCells, weighted: Sequence[Weighted], supposed: Sensitivity) -> list[dict[str, Any]]:
    """One row per programme and metric with weighted answers in the window."""
    found = []
    for number, cell in enumerate(scored.cells):
        if (cell["period_grain"], cell["dimension"]) != (CURRENT, "all"):
            continue
        programme = cell["programme"]
        waves, how = [], None
        for each in weighted:
            if each.read.programme == programme and (counted := _counted(scored, number, each)).any():
                waves.append(BandedWave(each.read.wave, each.read.bands, counted))
                how = each.how
        if how is None:
            continue
        goal = supposed.goals.get(programme)
        band = sensitivity.band(
            waves,
            margins_of(how.method, how.margins),
            trim=float(how.trim),
            answering_from=float(supposed.answering_from),
            answering_to=float(supposed.answering_to),
            goal=None if goal is None else float(goal),
        )
        if band is not None:
            found.append({"programme": programme, "metric": cell["metric"], **_band_row(band, supposed, goal)})
    return found


def _counted(scored: ScoredCells, cell: int, each: Weighted) -> Array:
    """Of a wave's answers, K × GROUPS × 3, those that are counted in a cell."""
    answers, counted = scored.answers, np.zeros_like(each.read.bands)
    row = answers.weighting_cell - each.first_row
    chosen = (answers.cell == cell) & (row >= 0) & (row < len(counted))
    np.add.at(counted, (row[chosen], answers.group[chosen], answers.band[chosen]), answers.count[chosen])
    return counted


def _band_row(band: sensitivity.Sensitivity, supposed: Sensitivity, goal: Any) -> dict[str, Any]:
    return {
        "answering_from": supposed.answering_from,
        "answering_to": supposed.answering_to,
        "nps_low_end": _number(band.at_low.nps),
        "nps_low_end_low": _number(band.at_low.low),
        "nps_low_end_high": _number(band.at_low.high),
        "nps_high_end": _number(band.at_high.nps),
        "nps_high_end_low": _number(band.at_high.low),
        "nps_high_end_high": _number(band.at_high.high),
        "tipping_ratio": _number(band.tipping_ratio),
        "sign_flips": band.sign_flips,
        "goal": goal,
        "goal_tipping_ratio": _number(band.goal_tipping_ratio),
        "goal_flips": None if goal is None else band.goal_flips,
    }


def _number(value: Any) -> float | None:
    """None where nothing could be estimated."""
    return None if value is None or not np.isfinite(value) else float(value)
