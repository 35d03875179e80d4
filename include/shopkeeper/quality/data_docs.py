"""The Data Docs: what the gates found, as pages, made again from the recorded validation results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality import sites
from shopkeeper.quality.judge import EXPECTATIONS, context_copy
from shopkeeper.warehouse.tables import VALIDATIONS

SITE = "data_docs"


def build_data_docs(engine: sa.Engine, *, now: datetime, expectations: Path = EXPECTATIONS) -> int:
    """Build the Data Docs, keep them as site `data_docs`, and return how many validations they show."""
    with engine.connect() as connection:
        results: Sequence[dict[str, Any]] = connection.scalars(sa.select(VALIDATIONS.c.result).order_by(VALIDATIONS.c.validation_id)).all()
    with context_copy(expectations) as context:
        from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

        for result in results:
            validation = ExpectationSuiteValidationResult(**result)
            key = ValidationResultIdentifier(
                expectation_suite_identifier=ExpectationSuiteIdentifier(name=validation.suite_name),
                run_id=RunIdentifier(**validation.meta["run_id"]),
                batch_identifier=validation.batch_id,
            )
            context.validation_results_store.set(key, validation)
        context.build_data_docs()
        sites.store(engine, SITE, Path(context.root_directory) / "data_docs", now=now)
    return len(results)
