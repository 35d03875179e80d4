"""Initiatives: what is done about a cause, and what it brought."""

from __future__ import annotations

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    pass
