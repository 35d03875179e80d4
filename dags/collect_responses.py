"""Bring in what customers answered, from the survey page and from providers, and judge each batch.

Hourly. Reads providers and bounces, closes the page's batch, flags answers of doubtful quality, then queues reminders and
lets old invitations expire. Running it again lands nothing twice. Runbook: docs/runbooks/collect_responses.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import RAW_SURVEY
from shopkeeper.airflow.defaults import owned_by, step_task
from shopkeeper.airflow.timetables import HOURLY


@dag(schedule=HOURLY, tags=["system:survey-system", "impact:tier-1"], doc_md=__doc__, **owned_by("cx-data"))
def collect_responses():
    reads = [step_task("collect_responses", name) for name in ("fetch_answers", "read_bounces", "close_batch")]
    gate_answers = step_task("collect_responses", "gate_answers", outlets=[RAW_SURVEY])
    confirm_answers = step_task("collect_responses", "confirm_answers")
    follow_up = step_task("collect_responses", "follow_up")

    reads >> gate_answers
    [*reads, gate_answers] >> confirm_answers
    reads >> follow_up


collect_responses()
