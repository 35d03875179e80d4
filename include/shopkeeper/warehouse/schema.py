"""Creates and migrates schemas, tables and roles."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.warehouse import ids
from shopkeeper.warehouse.tables import SCHEMAS, metadata


def migrate(engine: sa.Engine) -> None:
    """Bring the warehouse to the newest revision. Safe to repeat."""
    with engine.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        connection.execute(sa.text(ids.CREATE_SQL))
        metadata.create_all(connection)
