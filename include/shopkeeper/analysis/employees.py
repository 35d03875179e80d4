"""Which scores and comments of employees may be shown, so that nobody can tell what one of them answered.

A unit counts with all below it, so whoever sees a unit and its parts can subtract. In a hierarchy all that can be found by adding and
subtracting what is shown is made of *rests*: of each shown unit what is left when the largest shown units below it are taken away.
So it is enough that every rest is large.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.company.config import Company
from shopkeeper.warehouse.employee_tables import EMPLOYEE_CELLS

FEWEST_ANSWERS = 5
FEWEST_FOR_COMMENTS = 8

Bands = tuple[int, int, int]  # detractors, passives, promoters
GROUP = ("programme", "metric", "period")
_CELLS = f"""
    select {", ".join(GROUP)}, org_unit_id, parent_id, detractors, passives, promoters
    from intermediate.int_employee_answers__cells
    order by {", ".join(GROUP)}, org_unit_id
"""


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `employee_cells`: for each unit of each survey whether its score, and comments under it, may be shown; returns how many."""
    found: dict[str, list[Any]] = {name: [] for name in (*GROUP, "org_unit_id", "shows_score", "shows_comments")}
    for group, parents, answers in _surveys(connection):
        scores, comments = shown(parents, answers, tells_nobody), shown(parents, answers, hides_a_writer)
        for unit in answers:
            for name, value in zip(found, (*group, unit, unit in scores, unit in comments), strict=True):
                found[name].append(value)
    columns.forget_other_builds(connection, EMPLOYEE_CELLS, build_id)
    columns.write(connection, EMPLOYEE_CELLS, build_id, found)
    return {"cells": len(found["org_unit_id"]), "scores": sum(found["shows_score"]), "with_comments": sum(found["shows_comments"])}


def tells_nobody(rest: Bands) -> bool:
    """Whether a group may be known: nobody, or five at least who did not all say the same, which would be what each of them said."""
    return sum(rest) == 0 or (sum(rest) >= FEWEST_ANSWERS and max(rest) < sum(rest))


def hides_a_writer(rest: Bands) -> bool:
    """Whether comments of a group may be shown under its name."""
    return sum(rest) == 0 or sum(rest) >= FEWEST_FOR_COMMENTS


def shown(parents: Mapping[str, str | None], answers: Mapping[str, Bands], is_safe: Callable[[Bands], bool]) -> set[str]:
    """Units that may be shown. `answers` counts each unit with all below it; every unit's parent is among them, or None.

    A unit is rather shown than its parts: where its rest is not safe, its smallest shown part is hidden, until the rest is.
    Of units that are alike the first by name is hidden. Raises ValueError where units are above each other in a circle.
    """
    below: dict[str | None, list[str]] = {}
    for unit in sorted(answers):
        below.setdefault(parents[unit], []).append(unit)
    order = list(below.get(None, []))
    for unit in order:  # grows: every unit after the one above it
        order += below.get(unit, [])
    if len(order) < len(answers):
        raise ValueError("units are above each other in a circle")
    may: set[str] = set()
    largest: dict[str, list[str]] = {}  # unit → the largest shown units under it, itself left out
    for unit in reversed(order):
        inner = [one for part in below.get(unit, []) for one in ([part] if part in may else largest[part])]
        rest = _less(answers[unit], [answers[one] for one in inner])
        while inner and not is_safe(rest):
            smallest = min(inner, key=lambda one: (sum(answers[one]), one))
            may.discard(smallest)
            inner = [one for one in inner if one != smallest] + largest[smallest]
            rest = _less(answers[unit], [answers[one] for one in inner])
        largest[unit] = inner
        if sum(answers[unit]) and is_safe(rest):
            may.add(unit)
    return may


def _less(whole: Bands, parts: list[Bands]) -> Bands:
    first, second, third = (whole[band] - sum(part[band] for part in parts) for band in range(3))
    return first, second, third


def _surveys(connection: sa.Connection) -> Iterator[tuple[tuple[str, ...], dict[str, str | None], dict[str, Bands]]]:
    """Each survey with the parent and the answers of each unit; everybody is the unit without a name."""
    rows = columns.read(connection, _CELLS).to_pylist()
    for group, cells in itertools.groupby(rows, key=lambda row: tuple(row[name] for name in GROUP)):
        of_survey = list(cells)
        parents = {row["org_unit_id"]: row["parent_id"] for row in of_survey}
        yield group, parents, {row["org_unit_id"]: (row["detractors"], row["passives"], row["promoters"]) for row in of_survey}
