"""Signals about customers of whom a model expects that they are unhappy."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

COMMENTS: dict[str, tuple[Any, bool, str, str]] = {
    "subject": (sa.Text(), False, "response, complaint, call or unit", "response, complaint, call, unit or prediction"),
    "subject_key": (
        sa.Text(),
        False,
        "_key of the raw answer, the complaint's or call's id, or unit|period.",
        "_key of the raw answer, the complaint's or call's id, unit|period, or programme|invitation.",
    ),
    "value": (
        sa.Numeric(18, 4),
        True,
        "The failed-interaction score; a unit's change in points.",
        "The failed-interaction score; a unit's change in points; a modelled chance.",
    ),
}


def upgrade() -> None:
    op.drop_constraint(op.f("signals_subject_check"), "signals", schema="ops", type_="check")
    op.create_check_constraint(
        op.f("signals_subject_check"), "signals", "subject in ('response', 'complaint', 'call', 'unit', 'prediction')", schema="ops"
    )
    for name, (kind, is_nullable, before, comment) in COMMENTS.items():
        op.alter_column(
            "signals", name, schema="ops", existing_type=kind, existing_nullable=is_nullable, comment=comment, existing_comment=before
        )
