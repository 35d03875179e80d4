"""Themes that an answer's words mention stand beside what was read of them: one row per answer instead of one more per mention.

Whatever was read before is read anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("truncate analysis.theme_readings")
    op.add_column(
        "theme_readings",
        sa.Column(
            "themes",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="That the words mention, those above them included, in order of their keys.",
        ),
        schema="analysis",
    )
    op.create_table_comment(
        "theme_readings", "Which words have been read for themes, and which themes they mention; kept between builds.", schema="analysis"
    )
    op.drop_table("theme_mentions", schema="analysis")
