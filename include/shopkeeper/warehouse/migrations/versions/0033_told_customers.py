"""What was done about what customers said, for the survey page to show to those who have answered."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"

# The page's login reads no site: this one function hands out the one that is for customers.
TOLD_CUSTOMERS = """
    create function ops.told_customers() returns bytea
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select sites.content from quality.sites where sites.name = 'you_said' and sites.publication_id = 0
    $$
"""


def upgrade() -> None:
    op.execute(TOLD_CUSTOMERS)
