"""Changes of a company's own rules and goals: proposed, approved, written back."""

from __future__ import annotations

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    pass
