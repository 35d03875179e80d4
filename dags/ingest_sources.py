"""Bring what is new from CRM, finance, survey and panel sources into the warehouse, and judge each batch.

Hourly. A source that fails holds up none of the others; a batch that fails its gate is left out, and the run
turns red. Running it again loads nothing twice. Runbook: docs/runbooks/ingest_sources.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import RAW
from shopkeeper.airflow.defaults import moment, owned_by, step_task
from shopkeeper.airflow.timetables import HOURLY


@dag(
    schedule=HOURLY,
    tags=["system:links-to-finance-and-crm", "impact:tier-1"],
    doc_md=__doc__,
    params={"from": moment("Read again from (exclusive)"), "to": moment("Read again up to (inclusive)")},
    **owned_by("cx-data"),
)
def ingest_sources():
    loads = [step_task("ingest_sources", f"load_{group}") for group in ("crm", "finance", "survey", "panel")]
    gate_batches = step_task("ingest_sources", "gate_batches", outlets=RAW)
    confirm_batches = step_task("ingest_sources", "confirm_batches")

    loads >> gate_batches
    [*loads, gate_batches] >> confirm_batches


ingest_sources()
