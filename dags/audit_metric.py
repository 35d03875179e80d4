"""Say whether the published score can be trusted, and where it comes from.

Woken by each publication. Makes the metric-quality report, the page on the economics of loyalty, the Data Docs of the
gates and the documentation of the models, as pages in the warehouse. Runbook: docs/runbooks/audit_metric.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.assets import MARTS_PUBLISHED
from shopkeeper.airflow.defaults import owned_by, step_task


@dag(schedule=MARTS_PUBLISHED, tags=["system:over-all", "impact:tier-2"], doc_md=__doc__, **owned_by("cx-office"))
def audit_metric():
    step_task("audit_metric", "report")
    step_task("audit_metric", "economics")
    step_task("audit_metric", "data_docs")
    step_task("audit_metric", "dbt_docs")


audit_metric()
