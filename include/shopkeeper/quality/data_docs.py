"""The Data Docs: what the gates found, as pages, made again from the recorded validation results."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from shopkeeper.quality import sites
from shopkeeper.quality.judge import EXPECTATIONS, context_copy

SITE = "data_docs"

# The newest validation of each suite for each source, and those of the newest judged build.
_NEWEST = sa.text("""
    with ranked as (
        select
            validations.result,
            validations.validation_id,
            row_number() over (
                partition by validations.suite, batches.entity, batches.source
                order by validations.validation_id desc
            ) as age
        from quality.validations
        left join ops.batches on validations.batch_id = batches.batch_id
    )
    select result from ranked where age = 1 order by validation_id
""")


def build_data_docs(engine: sa.Engine, *, now: datetime, expectations: Path = EXPECTATIONS) -> int:
    """Build the Data Docs, keep them as site `data_docs`, and return how many validations they show."""
    with engine.connect() as connection:
        results = connection.scalars(_NEWEST).all()
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
