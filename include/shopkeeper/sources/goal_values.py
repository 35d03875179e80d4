"""What goals name, held against what the sources hold: a goal for a segment that nobody has is never judged, and nobody notices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from shopkeeper.company.base import did_you_mean
from shopkeeper.company.goals import GOALS_FILE, Goal
from shopkeeper.errors import Problem

# dimension → the entity and the column that say its values
_SAID_BY = {
    "segment": ("customers", "segment"),
    "region": ("customers", "region"),
    "country": ("customers", "country"),
    "product": ("products", "product_id"),
    "product_category": ("products", "category"),
    "channel": ("interactions", "channel"),
    "interaction_type": ("interactions", "interaction_type"),
    "outcome": ("interactions", "outcome"),
    "team": ("org_units", "org_unit_id"),
    "branch": ("org_units", "org_unit_id"),
    "org_region": ("org_units", "org_unit_id"),
    "company": ("org_units", "org_unit_id"),
}


def columns_to_keep(goals: Sequence[Goal], entity: str) -> list[tuple[str, str]]:
    """(name to keep the values under, canonical column) of an entity, for the dimensions that goals name."""
    named = {_SAID_BY[dimension] for goal in goals for dimension in goal.cell if dimension in _SAID_BY}
    return sorted((f"goals {whose} {column}", column) for whose, column in named if whose == entity)


def unknown_values(goals: Sequence[Goal], kept: sqlite3.Connection) -> Iterator[Problem]:
    """Goals whose value no row of the sources has; of what no source says nothing is known. `kept` has table ids (whose, id)."""
    for goal in goals:
        for dimension, value in goal.cell.items():
            if dimension not in _SAID_BY:
                continue
            entity, column = _SAID_BY[dimension]
            known = [row[0] for row in kept.execute("select id from ids where whose = ? order by id", (f"goals {entity} {column}",))]
            if known and value not in known:
                place = "dimension_value" if dimension == goal.dimension else "second_value"
                what = f"{entity} know no {dimension} {value}"
                yield Problem(f"{GOALS_FILE} › {goal.goal_id} › {place}", what, did_you_mean(value, known) if len(known) <= 50 else "")
