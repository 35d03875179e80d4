"""Who answers, wave by wave: respondents against the frame, and answers before the reminder against those after it.

What is counted is cut in SQL: `int_representativeness__cells` and `int_representativeness__answers`. Waves are those of the weights.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.representativeness import (
    Cells,
    Indicator,
    bias_bound,
    categories,
    indicator,
    late_against_early,
    spread_of_scores,
)
from shopkeeper.company.config import Company
from shopkeeper.warehouse.reliability_tables import REPRESENTATIVENESS

VARIABLES = ("segment", "tenure_band", "value_band")
WHOLE = "all"
EARLY_LATE = "early_late"

_CELLS = f"""
    select programme, weighting_wave, {", ".join(VARIABLES)}, frame, invited, answered, weight, weight_answered, weight_squared
    from intermediate.int_representativeness__cells
    order by programme, weighting_wave, {", ".join(VARIABLES)}
"""

_ANSWERS = """
    select programme, weighting_wave, is_late, detractors, passives, promoters
    from intermediate.int_representativeness__answers
    order by programme, weighting_wave, is_late
"""

Row = dict[str, Any]
Bands = tuple[int, int, int]


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `analysis.representativeness` for every wave of which somebody was asked and has had the days to answer in.

    Returns of how many waves there is an R-indicator. A wave with too few answers, or whose customers nothing tells apart, has its
    shares and no indicator.
    """
    answers: dict[tuple[str, str], dict[bool | None, Bands]] = {}
    for row in columns.read(connection, _ANSWERS).to_pylist():
        bands = (row["detractors"], row["passives"], row["promoters"])
        answers.setdefault((row["programme"], row["weighting_wave"]), {})[row["is_late"]] = bands
    rows: list[Row] = []
    judged = 0
    for wave, cells in _waves(columns.read(connection, _CELLS)):
        found = indicator(cells)
        judged += found is not None
        said = list(answers.get(wave, {}).values())
        spread = spread_of_scores(*(sum(bands[k] for bands in said) for k in range(3)))
        rows += [_placed(wave, row) for row in _rows(cells, found, spread)]
    for wave, said_when in sorted(answers.items()):
        if True in said_when and False in said_when:
            rows.append(_placed(wave, _early_late(said_when[False], said_when[True])))
    columns.forget_other_builds(connection, REPRESENTATIVENESS, build_id)
    columns.write(connection, REPRESENTATIVENESS, build_id, told(REPRESENTATIVENESS, rows))
    return {"waves": len({(row["programme"], row["weighting_wave"]) for row in rows}), "indicators": judged}


def _waves(cells: pa.Table) -> Iterator[tuple[tuple[str, str], Cells]]:
    keys = list(zip(*(cells[name].to_pylist() for name in ("programme", "weighting_wave")), strict=True))
    bounds = [0, *(row for row in range(1, len(keys)) if keys[row] != keys[row - 1]), len(keys)]
    for start, end in itertools.pairwise(bounds):
        if end > start:
            part = cells.slice(start, end - start)
            counts = {name: part[name].to_numpy().astype(float) for name in ("frame", "invited", "answered")}
            weights = {name: part[name].to_numpy().astype(float) for name in ("weight", "weight_answered", "weight_squared")}
            yield keys[start], Cells({name: part[name].to_pylist() for name in VARIABLES}, **counts, **weights)


def _rows(cells: Cells, found: Indicator | None, spread: float) -> list[Row]:
    whole: Row = {
        "variable": WHOLE,
        "category": WHOLE,
        "frame": int(cells.frame.sum()),
        "answered": int(cells.answered.sum()),
        "response_propensity": float(cells.weight_answered.sum() / cells.weight.sum()) if cells.weight.sum() else None,
    }
    if found is not None:
        whole |= {
            "r_indicator": found.r,
            "r_low": found.low,
            "r_high": found.high,
            "r_uncorrected": found.r_uncorrected,
            "bias_bound": 100 * bias_bound(found.spread, spread, found.mean),
        }
    rows = [whole]
    for variable, group in itertools.groupby(categories(cells), key=lambda one: one.variable):
        found_there = list(group)
        parts = [one.partial for one in found_there if not math.isnan(one.partial)]
        rows.append({"variable": variable, "category": WHOLE, "partial_r": math.sqrt(sum(part**2 for part in parts)) if parts else None})
        rows += [
            {
                "variable": variable,
                "category": one.category,
                "frame": one.frame,
                "answered": one.answered,
                "frame_share": one.frame_share,
                "respondent_share": one.respondent_share,
                "response_propensity": one.propensity,
                "partial_r": one.partial,
            }
            for one in found_there
        ]
    return rows


def _early_late(early: Bands, late: Bands) -> Row:
    gap = late_against_early(early, late)
    return {
        "variable": EARLY_LATE,
        "category": WHOLE,
        "answered": sum(early) + sum(late),
        "early_nps": 100 * gap.early,
        "late_nps": 100 * gap.late,
        "gap": 100 * gap.gap,
        "z": gap.z,
        "p": gap.p,
    }


def _placed(wave: tuple[str, str], row: Row) -> Row:
    """With every column of the table; what cannot be told is empty."""
    known = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    return {**dict.fromkeys(REPRESENTATIVENESS.columns.keys()), "programme": wave[0], "weighting_wave": wave[1], **known}
