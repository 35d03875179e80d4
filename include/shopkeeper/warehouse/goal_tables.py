"""Goals, and how far they are met."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Date, Integer, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata


def _points(name: str, comment: str | None = None) -> Column[Any]:
    return Column(name, Numeric(9, 4), comment=comment)


GOALS = Table(
    "goals",
    metadata,
    Column("goal_id", Text, primary_key=True),
    Column("parent_goal_id", Text, comment="Goal that it is a part of."),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("owner", Text, nullable=False, comment="A department or role, never a person."),
    Column("dimension", Text, nullable=False, comment="all, or a dimension of nps_by_segment."),
    Column("dimension_value", Text, nullable=False),
    Column("second_dimension", Text, comment="Where both have to hold."),
    Column("second_value", Text),
    Column("period_grain", Text, nullable=False, comment="month, quarter or year"),
    Column("period_starts_on", Date, nullable=False),
    Column("period_ends_on", Date, nullable=False),
    Column("target", Numeric(9, 4), nullable=False, comment="Points."),
    Column("position", Integer, nullable=False, comment="Place in the file."),
    schema="ops",
    comment="Goals of goals.csv, as the current build reads them.",
)

GOAL_PROJECTIONS = Table(
    "goal_projections",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("goal_id", Text, nullable=False),
    Column("responses_to_come", Numeric(14, 2), comment="Answers that are still expected."),
    _points("projected", "Score at the end of the period, expected; points."),
    _points("projected_low", "95 % of what may come."),
    _points("projected_high"),
    Column("probability_met", Numeric(9, 6), comment="That the score at the end is at least the target."),
    Column("children", Integer, nullable=False, comment="Goals that name it as their parent."),
    _points("children_imply", "Score that it has when they meet theirs and the rest goes on as it is."),
    _points("share_inside_parent", "Percent of its answers that are in the parent's cell, where the file alone cannot tell."),
    PrimaryKeyConstraint("build_id", "goal_id"),
    schema="analysis",
    comment="What goals may come to, and what their parts say of them; the build at work alone.",
)
