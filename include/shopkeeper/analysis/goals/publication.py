"""What every goal may come to, and whether its parts add up to it: schema `analysis`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.goals.projection import Projection, project
from shopkeeper.analysis.goals.reading import Cell, read
from shopkeeper.company.config import Company
from shopkeeper.warehouse.goal_tables import GOAL_PROJECTIONS

_NEGLIGIBLE = 0.01  # share of a goal's answers that belong to none of its parts, and is not worth a thought


@dataclass(frozen=True)
class Expected:
    """What a cell will have answered in the goal's period: how many, and with which score (−1…1); None where nobody can tell."""

    answers: float
    score: float | None


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `goal_projections`; returns how many goals there are, how many are projected, and how many have parts."""
    cells, last_day = read(connection)
    rows = projections(cells, last_day)
    columns.forget_other_builds(connection, GOAL_PROJECTIONS, build_id)
    columns.write(connection, GOAL_PROJECTIONS, build_id, told(GOAL_PROJECTIONS, rows))
    return {
        "goals": len(rows),
        "projected": sum(row["projected"] is not None for row in rows),
        "with_parts": sum(row["children"] > 0 for row in rows),
    }


def projections(cells: Sequence[Cell], last_day: date) -> list[dict[str, Any]]:
    """One row per goal, in points. What is over is measured and no longer projected."""
    found: dict[str, Projection | None] = {}
    expected: dict[str, Expected] = {}
    to_come: dict[str, float] = {}
    for cell in cells:
        ahead = cell.ahead(last_day)
        to_come[cell.goal_id] = ahead.expected
        if cell.is_over(last_day):
            found[cell.goal_id] = None
            score = cell.own.net / cell.own.answers if cell.own.answers else None
        else:
            projection = project(cell.history(last_day), ahead, cell.target, deff=cell.own.deff)
            found[cell.goal_id] = projection
            score = projection.expected if projection else None
        expected[cell.goal_id] = Expected(cell.own.answers + ahead.expected, score)
    parts: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.parent_goal_id is not None:
            parts[cell.parent_goal_id].append(cell)
    return [_row(cell, found[cell.goal_id], to_come[cell.goal_id], parts[cell.goal_id], expected) for cell in cells]


def _row(
    cell: Cell, projection: Projection | None, to_come: float, parts: Sequence[Cell], expected: Mapping[str, Expected]
) -> dict[str, Any]:
    implied = implied_by_parts(cell, parts, expected)
    return {
        "goal_id": cell.goal_id,
        "responses_to_come": to_come,
        "projected": projection and 100 * projection.expected,
        "projected_low": projection and 100 * projection.low,
        "projected_high": projection and 100 * projection.high,
        "probability_met": projection and projection.probability,
        "children": len(parts),
        "children_imply": None if implied is None else 100 * implied,
        "share_inside_parent": None if cell.share_inside_parent is None else 100 * cell.share_inside_parent,
    }


def implied_by_parts(cell: Cell, parts: Sequence[Cell], expected: Mapping[str, Expected]) -> float | None:
    """The score (−1…1) that a goal comes to when its parts just meet their targets.

    Parts are taken together that cut it in the same way: regions, or months. Each counts by the answers expected of it; what belongs to
    none of them goes on as it is expected to. Of several ways of cutting the lowest counts. None without parts, or without answers.
    """
    by_axis: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for part in parts:
        by_axis[part.axis].append(part)
    implied = [score for of_axis in by_axis.values() if (score := _implied(expected[cell.goal_id], of_axis, expected)) is not None]
    return min(implied, default=None)


def _implied(whole: Expected, parts: Sequence[Cell], expected: Mapping[str, Expected]) -> float | None:
    of_parts = [(part.target, expected[part.goal_id]) for part in parts]
    told = sum(one.answers for _, one in of_parts)
    if told <= 0:
        return None
    promised = sum(target * one.answers for target, one in of_parts)
    rest = whole.answers - told
    if rest <= _NEGLIGIBLE * whole.answers or whole.score is None:
        return promised / told
    heard = sum((one.score or 0.0) * one.answers for _, one in of_parts)
    of_rest = min(1.0, max(-1.0, (whole.score * whole.answers - heard) / rest))
    return (promised + of_rest * rest) / (told + rest)
