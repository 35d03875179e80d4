"""What is believed of every unit's score given all units of its kind, for each window and each month and quarter.

The counts are cut in SQL: `int_units__counts`. Several answers of one customer count for what they are worth.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.units.shrinkage import shrink
from shopkeeper.company.config import Company, MinimumN
from shopkeeper.warehouse.unit_tables import SHRUNK_SCORES

GROUP = ("programme", "metric", "period_grain", "period_starts_on", "period_ends_on", "dimension")
_COUNTS = f"""
    select {", ".join(GROUP)}, dimension_value, answers, n_effective, detractors, passives, promoters
    from intermediate.int_units__counts
    order by {", ".join(GROUP)}, dimension_value
"""


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `shrunk_scores`; returns how many groups of units were compared and how many scores are published.

    Writes nothing for fewer than 8 units with answers, and no row for a unit whose score is hidden.
    """
    counts = columns.read(connection, _COUNTS)
    rows: list[dict[str, Any]] = []
    groups = 0
    for key, units in _groups(counts):
        found = _scores(units, company.minimum_n)
        groups += bool(found)
        rows += [dict(zip(GROUP, key, strict=True)) | row for row in found]
    columns.forget_other_builds(connection, SHRUNK_SCORES, build_id)
    columns.write(connection, SHRUNK_SCORES, build_id, told(SHRUNK_SCORES, rows))
    return {"groups": groups, "scores": len(rows)}


def _groups(counts: pa.Table) -> Iterator[tuple[tuple[Any, ...], pa.Table]]:
    keys = list(zip(*(counts[name].to_pylist() for name in GROUP), strict=True))
    for key, places in itertools.groupby(range(len(keys)), key=lambda row: keys[row]):
        of_key = list(places)
        yield key, counts.slice(of_key[0], len(of_key))


def _scores(units: pa.Table, minimum: MinimumN) -> list[dict[str, Any]]:
    """One row per unit whose score may be shown, in points. A unit that may not be ranked has no probability."""
    answers = units["answers"].to_numpy()
    counts = np.column_stack([units[name].to_numpy() for name in ("detractors", "passives", "promoters")])
    shrunk = shrink(counts * (units["n_effective"].to_numpy() / answers)[:, None])
    if shrunk is None:
        return []
    is_ranked = (answers >= minimum.indicative_below) & (100 * (shrunk.high - shrunk.low) / 2 <= float(minimum.indicative_half_width))
    return [
        {
            "dimension_value": unit,
            "nps_shrunk": 100 * shrunk.score[place],
            "nps_shrunk_low": 100 * shrunk.low[place],
            "nps_shrunk_high": 100 * shrunk.high[place],
            "probability_top_quartile": round(float(shrunk.in_top_quartile[place]), 2) if is_ranked[place] else None,
            "prior_strength": shrunk.strength,
        }
        for place, unit in enumerate(units["dimension_value"].to_pylist())
        if answers[place] >= minimum.hidden_below
    ]
