"""Remove what the company's policy says is old enough: versions, rejects, events, evidence, words and log files.

Nightly. What a mart of today is made from stays. Running it again removes nothing more. Runbook: docs/runbooks/enforce_retention.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.defaults import owned_by, step_task
from shopkeeper.airflow.timetables import NIGHTLY


@dag(schedule=NIGHTLY, tags=["system:over-all", "impact:tier-3"], doc_md=__doc__, **owned_by("cx-data"))
def enforce_retention():
    step_task("enforce_retention", "versions")
    step_task("enforce_retention", "rejects")
    step_task("enforce_retention", "events")
    step_task("enforce_retention", "evidence")
    step_task("enforce_retention", "texts")
    step_task("enforce_retention", "files")


enforce_retention()
