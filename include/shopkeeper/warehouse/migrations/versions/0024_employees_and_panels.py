"""Scores of employees that may be shown, and how panels call the company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "employee_programmes",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("programme", name=op.f("employee_programmes_pkey")),
        schema="ops",
        comment="Programmes of kind employee, from programmes.yml: no answer to one of them is a customer's.",
    )
    op.add_column(
        "current_build",
        sa.Column("panel_name", sa.Text(), nullable=True, comment="How panels call this company, in small letters."),
        schema="ops",
    )
    op.create_table(
        "employee_cells",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="A wave, else a declared period, else a quarter: each answer is in one."),
        sa.Column("org_unit_id", sa.Text(), nullable=False, comment="The unit with all below it; empty text is everybody."),
        sa.Column(
            "shows_score",
            sa.Boolean(),
            nullable=False,
            comment="Whether it tells of no group that is too small, alone or by subtraction.",
        ),
        sa.Column("shows_comments", sa.Boolean(), nullable=False, comment="Whether words may be shown under it."),
        sa.PrimaryKeyConstraint("build_id", "programme", "metric", "period", "org_unit_id", name=op.f("employee_cells_pkey")),
        schema="analysis",
        comment="Which cells of employee_nps may be shown; the build at work alone.",
    )
