"""Schemas and the id function."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SCHEMAS = {
    "raw": "Canonical entities: append-only versions, no personal data.",
    "pii": "Personal data under the raw row's key.",
    "rejected": "Rows that could not be typed or broke a hard rule, whole. Personal data.",
    "landing": "Where the loader types rows; unlogged, emptied after each batch. Personal data.",
    "ops": "The pipeline's own state.",
    "staging": "dbt: all versions of the passed batches, renamed and cast.",
    "intermediate": "dbt: where rules are applied.",
    "analysis": "Outputs of analyses in Python, keyed by run.",
    "marts": "What people read.",
    "marts_next": "The next publication, being built.",
    "frontline": "Employee-level rows, under row-level security.",
    "frontline_next": "The next publication of it.",
    "quality": "Evidence: gates, publications, traces, sites. No personal data.",
}


def upgrade() -> None:
    for schema, comment in SCHEMAS.items():
        op.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        op.execute(f"comment on schema {schema} is '{comment.replace(chr(39), chr(39) * 2)}'")
    # Its twin is shopkeeper.warehouse.ids.stable_id.
    op.execute(
        """
        create function ops.stable_id(namespace text, natural_key text) returns uuid
        language sql immutable strict parallel safe
        return md5(namespace || chr(31) || natural_key)::uuid
        """
    )
