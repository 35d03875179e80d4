"""What kind of claim an interaction was, and what a contact is to the account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

COLUMNS = {
    "customers": ("contact_role", "What the customer is to the account, such as decision maker or user."),
    "interactions": ("interaction_subtype", "What kind of that type, such as the type of a claim."),
}


def upgrade() -> None:
    for table, (column, comment) in COLUMNS.items():
        op.add_column(table, sa.Column(column, sa.Text(), nullable=True, comment=comment), schema="raw")
