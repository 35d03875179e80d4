"""Faulty rows, laid beside the true ones: how many of each, and what should become of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.demo.config import Array, SimulationConfig

REJECTED, ACCEPTED, SUPERSEDED = "rejected", "accepted", "superseded"
Tally = dict[str, dict[str, int]]  # entity → fault → rows


@dataclass(frozen=True)
class Fault:
    """`fate`: `rejected` rows are kept aside with a reason, `superseded` ones lose to a newer row of the same key.

    `is_extra` faults are rows of their own; the others are true rows in a sloppy form.
    """

    entity: str
    name: str
    fate: str
    is_extra: bool = True


FAULTS = (
    Fault("survey_responses", "score_11", REJECTED),
    Fault("survey_responses", "score_minus_1", REJECTED),
    Fault("survey_responses", "score_7_5", REJECTED),
    Fault("survey_responses", "empty_score", REJECTED),
    Fault("survey_responses", "bad_date", REJECTED),
    Fault("survey_responses", "id_with_blank", REJECTED),
    Fault("survey_responses", "unknown_customer", ACCEPTED),
    Fault("survey_responses", "duplicate_key", SUPERSEDED),
    Fault("survey_responses", "score_10_with_blank", ACCEPTED, is_extra=False),
    Fault("survey_responses", "late", ACCEPTED, is_extra=False),
    Fault("interactions", "id_with_blank", REJECTED),
    Fault("interactions", "duplicate_key", SUPERSEDED),
    Fault("revenue", "bad_date", REJECTED),
    Fault("revenue", "id_with_blank", REJECTED),
    Fault("revenue", "duplicate_key", SUPERSEDED),
    Fault("revenue", "late", ACCEPTED, is_extra=False),
)
_OF_ANSWERS = sum(fault.entity == "survey_responses" for fault in FAULTS)
BAD_MOMENTS = ("2025-02-30T09:15:00Z", "now", "2025-13-01T00:00:00Z")
BAD_DAYS = ("2025-02-30", "infinity", "2024-00-17")
LATE_DAYS = 40


def chosen(
    config: SimulationConfig, entity: str, part: int, *, rows: int, answers: int, may_be: dict[str, Array], tally: Tally
) -> dict[str, Array]:
    """Rows of an entity that each fault is made of, by fault; no row serves two. Sorted, as many as there is room for.

    Of each fault there are `fault_share` × answers ÷ the number of faults in answers, rounded up. `may_be` limits a
    fault to some rows. What is chosen is counted in `tally`.
    """
    random = config.stream(f"faults {entity}", part)
    number = int(np.ceil(config.fault_share * answers / _OF_ANSWERS))
    free = np.ones(rows, bool)
    result = {}
    for fault in (fault for fault in FAULTS if fault.entity == entity):
        pool = np.flatnonzero(free & may_be[fault.name] if fault.name in may_be else free)
        rows_of_it = np.sort(random.choice(pool, min(number, len(pool)), replace=False))
        free[rows_of_it] = False
        result[fault.name] = rows_of_it
    tally[entity] = {name: len(rows_of_it) for name, rows_of_it in result.items()}
    return result
