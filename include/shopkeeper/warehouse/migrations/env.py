"""Run by Alembic, on the connection and inside the transaction of `schema.migrate`."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.operations.ops import MigrationScript

from shopkeeper.warehouse import (  # noqa: F401 their tables belong to the metadata
    access_tables,
    analysis_tables,
    change_tables,
    crm_tables,
    desk_tables,
    distribution_tables,
    driver_tables,
    employee_tables,
    erasure_tables,
    gaming_tables,
    goal_tables,
    initiative_tables,
    loop_tables,
    message_tables,
    phone_tables,
    prediction_tables,
    privacy_tables,
    reliability_tables,
    stated_tables,
    survey_tables,
    theme_tables,
    unit_tables,
    weight_tables,
)
from shopkeeper.warehouse.schema import VERSION_SCHEMA, VERSION_TABLE
from shopkeeper.warehouse.tables import SCHEMAS, metadata


def _include_name(name: str | None, kind: str, parents: Any) -> bool:
    return name in SCHEMAS if kind == "schema" else True


def _include_object(thing: Any, name: str | None, kind: str, reflected: bool, compared_to: Any) -> bool:
    """Tables that only the database has are made at run time, by dbt or the loader."""
    return not (kind == "table" and reflected and compared_to is None)


def _numbered(_: Any, revision: Any, directives: list[MigrationScript]) -> None:
    """Revisions are numbered, 0001 onwards; an empty one is not written."""
    (script,) = directives
    if script.upgrade_ops is not None and script.upgrade_ops.is_empty():
        directives.clear()
        return
    script.rev_id = f"{int(revision[0] if revision else 0) + 1:04d}"


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
    include_schemas=True,
    include_name=_include_name,
    include_object=_include_object,
    compare_type=True,
    compare_server_default=True,
    process_revision_directives=_numbered,
)
context.run_migrations()
