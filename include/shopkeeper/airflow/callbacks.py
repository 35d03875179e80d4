"""What happens when a task has failed for good: a line in its log, and a row in `ops.runs`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger(__name__)


def record_failure(context: Mapping[str, Any]) -> None:
    """Log why the task failed and where the runbook is, and see to it that `ops.runs` knows.

    A step that ran has recorded its own failure already; this covers the ones that never came so far.
    """
    from shopkeeper.airflow.defaults import request_id, runbook
    from shopkeeper.pipeline import runs
    from shopkeeper.warehouse.engine import engine

    task = context["task_instance"]
    error = context.get("exception")
    why = runs.reason(error) if isinstance(error, BaseException) else "ended by the scheduler"
    log.error("%s.%s failed: %s. What to do: %s", task.dag_id, task.task_id, why, runbook(task.dag_id))
    runs.record_failure(
        engine(), run_id=f"{request_id(context)}/{task.task_id}", step=task.task_id, dag_id=task.dag_id, why=why, now=datetime.now(UTC)
    )
