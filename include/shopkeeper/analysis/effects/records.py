"""Comparisons as rows of schema `analysis`, rounded to what the columns hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis.effects.publication import Judged
from shopkeeper.warehouse.analysis_tables import COVARIATE_BALANCE, FITS


def told(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns of `table`, each number at the column's decimals; None stays empty."""
    names = [column.name for column in table.columns if column.name != "build_id"]
    scales = {column.name: column.type.scale for column in table.columns if isinstance(column.type, sa.Numeric)}
    return {name: [_rounded(row[name], scales.get(name)) for row in rows] for name in names}


def _rounded(value: Any, scale: int | None) -> Any:
    if value is None or scale is None:
        return value
    return f"{Decimal(repr(float(value))):.{scale}f}"


def balance_rows(judged: Judged, *, analysis: str, metric: str, segment: str) -> list[dict[str, Any]]:
    """One row per pair of arms and covariate, of every comparison that was fitted."""
    return [
        {
            "analysis": analysis,
            "metric": metric,
            "segment": segment,
            "from_arm": effect.from_arm,
            "to_arm": effect.to_arm,
            "covariate": name,
            "difference_before": before,
            "difference_after": after,
            "difference_limit": effect.balance.limit,
        }
        for effect in judged.effects
        if effect.balance is not None
        for name, before, after in zip(effect.balance.names, effect.balance.before, effect.balance.after, strict=True)
    ]


def keep_balance(connection: sa.Connection, build_id: int, analysis: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put the balance of one analysis in place of what this build has of it."""
    table = COVARIATE_BALANCE
    connection.execute(sa.delete(table).where(table.c.build_id == build_id, table.c.analysis == analysis))
    if rows:
        values = told(table, rows)
        connection.execute(
            sa.insert(table), [{"build_id": build_id, **dict(zip(values, row, strict=True))} for row in zip(*values.values(), strict=True)]
        )


def keep_fits(connection: sa.Connection, build_id: int, analysis: str, fits: Mapping[str, Mapping[str, Any]]) -> None:
    """Put what was fitted in place of what this build has of this analysis; each part's estimates are plain data."""
    connection.execute(sa.delete(FITS).where(FITS.c.build_id == build_id, FITS.c.analysis == analysis))
    if fits:
        rows = [
            {"build_id": build_id, "analysis": analysis, "part": part, "estimates": json.loads(json.dumps(estimates, default=_plain))}
            for part, estimates in sorted(fits.items())
        ]
        connection.execute(sa.insert(FITS), rows)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)
