"""Build all marts anew from the batches that passed, judge them, and publish them in one transaction.

By hand, when an incremental build is in doubt or a past report is to be remade. The same batches and the same
clocks give the same marts, byte for byte. Runbook: docs/runbooks/rebuild_marts.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import MARTS_PUBLISHED
from shopkeeper.airflow.defaults import moment, owned_by, step_task


@dag(
    schedule=None,
    tags=["system:analytic-database", "impact:tier-2"],
    doc_md=__doc__,
    params={"as_of": moment("Business time to cut at"), "known_at": moment("Only batches loaded up to")},
    **owned_by("cx-data"),
)
def rebuild_marts():
    freeze = step_task("rebuild_marts", "freeze")
    redact = step_task("rebuild_marts", "redact")
    build_models = step_task("rebuild_marts", "build_models")
    analyse = step_task("rebuild_marts", "analyse")
    complete_models = step_task("rebuild_marts", "complete_models")
    gate_publication = step_task("rebuild_marts", "gate_publication")
    publish = step_task("rebuild_marts", "publish", outlets=[MARTS_PUBLISHED])

    freeze >> redact >> build_models >> analyse >> complete_models >> gate_publication >> publish


rebuild_marts()
