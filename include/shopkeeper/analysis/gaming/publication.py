"""The review of a build, as rows of `analysis.gaming_signals`."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.gaming.exposure import LEVELS
from shopkeeper.analysis.gaming.reading import Told, read
from shopkeeper.analysis.gaming.review import Reviewed, review
from shopkeeper.company.config import Company
from shopkeeper.warehouse.gaming_tables import GAMING_SIGNALS

MOST_EVIDENCE = 200


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `gaming_signals`; returns how many units × signals were looked at, how many need review, and of how many units.

    Rows of other builds are forgotten: marts hold copies. Writes no row where no answer or invitation belongs to a unit.
    """
    told = read(connection, company.gaming.contact_edits)
    found = review(told.exposures)
    columns.write(connection, GAMING_SIGNALS, build_id, _rows(told, found))
    columns.forget_other_builds(connection, GAMING_SIGNALS, build_id)
    flagged = found.needs_review
    return {
        "looked_at": int(np.isfinite(found.p).sum()),
        "need_review": int(flagged.sum()),
        "units": len({(int(level), int(unit)) for level, unit in zip(found.level[flagged], found.unit[flagged], strict=True)}),
    }


def _rows(told: Told, found: Reviewed) -> dict[str, Any]:
    exposures = [told.exposures[int(number)] for number in found.exposure]
    evidence = [_evidence(told, found, row) if flagged else None for row, flagged in enumerate(found.needs_review.tolist())]
    return {
        "programme": [exposure.programme for exposure in exposures],
        "dimension": [LEVELS[int(level)] for level in found.level],
        "unit": [told.names[int(unit)] for unit in found.unit],
        "signal": [exposure.signal for exposure in exposures],
        "n": found.n.astype(np.int64),
        "observed": found.observed.astype(np.int64),
        "expected": np.round(found.expected, 4),
        "deviation": np.round(found.deviation, 4),
        "p": [_decimal(p) for p in found.p.tolist()],
        "q_value": [_decimal(q) for q in found.q.tolist()],
        "needs_review": found.needs_review,
        "evidence_kind": [told.evidence[int(number)][0] if ids else None for number, ids in zip(found.exposure, evidence, strict=True)],
        "evidence": evidence,
    }


def _decimal(value: float) -> str | None:
    return None if np.isnan(value) else f"{value:.12f}"


def _evidence(told: Told, found: Reviewed, row: int) -> str:
    """Ids of the unit's rows that the signal counted, the newest first."""
    number = int(found.exposure[row])
    exposure = told.exposures[number]
    _, ids, moments = told.evidence[number]
    counted = exposure.outcome & (exposure.units[LEVELS[int(found.level[row])]] == found.unit[row])
    assert exposure.subject is not None
    subjects = np.unique(exposure.subject[counted])
    newest = subjects[np.lexsort((subjects, -moments[subjects]))][:MOST_EVIDENCE]
    return ",".join(ids.take(newest).to_pylist())
