"""The command that follows a number of the report to the answers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shopkeeper.quality.tracing.subject import KEYS, command

# Of marts whose key has no order of its own: the columns that say which row.
GRAINS: dict[str, tuple[str, ...]] = {
    "representativeness": ("programme", "wave", "variable", "category"),
    "gaming_signals": ("programme", "dimension", "dimension_value", "signal"),
    "survey_frame_coverage": ("programme", "wave", "outcome", "reason"),
}


def traced(mart: str, row: Mapping[str, Any]) -> str:
    """`./shopkeeper trace MART KEY…`, ready to be pasted into a shell."""
    if mart in KEYS:
        return command(mart, *(row[name] for name in KEYS[mart]))
    return command(mart, *(f"{name}={row[name]}" for name in GRAINS[mart] if row[name] is not None))


def with_trace(mart: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a mart, each with the command that traces it."""
    return [row | {"trace": traced(mart, row)} for row in rows]


def traced_records(subject: str, rows: list[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    """Rows about checks, batches and the like, each with the command that lists what it counts, by these columns of it."""
    return [row | {"trace": command(subject, *(row[name] for name in columns))} for row in rows]
