"""Tell everybody what customers said, and what became of it.

Woken by each publication. Posts scorecards once per employee and working day and huddle packs once per team and week, and makes the
intranet of each role as pages in the warehouse. What is posted, close_loop sends. Runbook: docs/runbooks/distribute_feedback.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import MARTS_PUBLISHED
from shopkeeper.airflow.defaults import owned_by, step_task


@dag(schedule=MARTS_PUBLISHED, tags=["system:distribution", "impact:tier-2"], doc_md=__doc__, **owned_by("cx-office"))
def distribute_feedback():
    step_task("distribute_feedback", "scorecards")
    step_task("distribute_feedback", "huddle_packs")
    step_task("distribute_feedback", "intranet")


distribute_feedback()
