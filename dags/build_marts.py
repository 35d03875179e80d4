"""Build the marts from the batches that passed, judge them, and publish them in one transaction.

Woken by any of the raw assets. The list of batches is frozen first, so that everything published speaks of the
same records; readers see the old marts until the new ones have passed. Runbook: docs/runbooks/build_marts.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import MARTS_PUBLISHED, RAW_CRM, RAW_FINANCE, RAW_PANEL, RAW_SURVEY
from shopkeeper.airflow.defaults import moment, owned_by, step_task


@dag(
    schedule=(RAW_CRM | RAW_FINANCE | RAW_SURVEY | RAW_PANEL),
    tags=["system:analytic-database", "impact:tier-1"],
    doc_md=__doc__,
    params={"as_of": moment("Business time to cut at"), "known_at": moment("Only batches loaded up to")},
    **owned_by("cx-data"),
)
def build_marts():
    freeze = step_task("build_marts", "freeze")
    redact = step_task("build_marts", "redact")
    build_models = step_task("build_marts", "build_models")
    analyse = step_task("build_marts", "analyse")
    complete_models = step_task("build_marts", "complete_models")
    gate_publication = step_task("build_marts", "gate_publication")
    publish = step_task("build_marts", "publish", outlets=[MARTS_PUBLISHED])

    freeze >> redact >> build_models >> analyse >> complete_models >> gate_publication >> publish


build_marts()
