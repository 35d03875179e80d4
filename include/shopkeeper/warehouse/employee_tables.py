"""What employees answer about working here: which programmes ask them, and which of their scores may be shown."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata

EMPLOYEE_PROGRAMMES = Table(
    "employee_programmes",
    metadata,
    Column("programme", Text, primary_key=True),
    schema="ops",
    comment="Programmes of kind employee, from programmes.yml: no answer to one of them is a customer's.",
)

EMPLOYEE_CELLS = Table(
    "employee_cells",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("period", Text, nullable=False, comment="A wave, else a declared period, else a quarter: each answer is in one."),
    Column("org_unit_id", Text, nullable=False, comment="The unit with all below it; empty text is everybody."),
    Column("shows_score", Boolean, nullable=False, comment="Whether it tells of no group that is too small, alone or by subtraction."),
    Column("shows_comments", Boolean, nullable=False, comment="Whether words may be shown under it."),
    PrimaryKeyConstraint("build_id", "programme", "metric", "period", "org_unit_id"),
    schema="analysis",
    comment="Which cells of employee_nps may be shown; the build at work alone.",
)
