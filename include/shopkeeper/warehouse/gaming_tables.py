"""Signs that a score is gamed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata

GAMING_SIGNALS = Table(
    "gaming_signals",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("dimension", Text, nullable=False, comment="branch, team or employee"),
    Column("unit", Text, nullable=False, comment="The branch, the team, or the employee."),
    Column("signal", Text, nullable=False, comment="What is counted; docs/gaming-review.md."),
    Column("n", BigInteger, nullable=False, comment="Interactions, invitations, answers, or pairs of answers that were looked at."),
    Column("observed", BigInteger, nullable=False, comment="Those of them that the signal counts."),
    Column("expected", Numeric(18, 4), comment="As many were to be expected, by the other units and the case mix."),
    Column("deviation", Numeric(18, 4), comment="Standard deviation of what was to be expected, differences between units in it."),
    Column("p", Numeric(18, 12), comment="Probability of at least as many; empty where there are too few other units."),
    Column("q_value", Numeric(18, 12), comment="Benjamini–Hochberg, over all units and signals of the run."),
    Column("needs_review", Boolean, nullable=False),
    Column("evidence_kind", Text, comment="response, invitation or interaction; where the unit needs review."),
    Column("evidence", Text, comment="Their ids, comma separated, the newest 200."),
    PrimaryKeyConstraint("build_id", "programme", "dimension", "unit", "signal"),
    schema="analysis",
    comment="Each unit held against the others in each signal; the build at work alone.",
)
