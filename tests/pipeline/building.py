"""A build in all its parts, as the steps of the DAG do them one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shopkeeper.company.config import Company
from shopkeeper.pipeline import analyses
from shopkeeper.pipeline.build import Build, build_models, complete_models

COMPANY = Company(name="Stand-in", timezone="Europe/Berlin", currency="EUR")


def run_dbt(build: Build, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Models, analyses, and the models that read them; returns the summary of the first part."""
    summary = build_models(build, note=note)
    analyses.run(build, COMPANY)
    complete_models(build, note=note)
    return summary
