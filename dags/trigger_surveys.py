"""Ask customers how likely they are to recommend us: draw the waves that are due, and send what the ledger says is due.

Hourly. A wave is frozen when it is drawn; running again draws nothing twice and sends nothing twice. A backfill draws and
sends nothing. Runbook: docs/runbooks/trigger_surveys.md
"""

from airflow.sdk import dag

from shopkeeper.airflow.defaults import moment, owned_by, step_task
from shopkeeper.airflow.timetables import HOURLY


@dag(
    schedule=HOURLY,
    tags=["system:survey-trigger", "impact:tier-1"],
    doc_md=__doc__,
    params={"as_of": moment("Draw the waves that were due at (sandbox; live delivery sends for the last six hours only)")},
    **owned_by("cx-data"),
)
def trigger_surveys():
    draw_waves = step_task("trigger_surveys", "draw_waves")
    hand_over = step_task("trigger_surveys", "hand_over")
    send_due = step_task("trigger_surveys", "send_due")

    draw_waves >> [hand_over, send_due]


trigger_surveys()
