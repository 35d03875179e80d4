"""Call unhappy customers back: notice what calls for it, give it to whoever can act, keep time, and tell people and the CRM.

Woken within seconds by an answer of the survey page or a batch of answers, complaints or calls, and every five minutes by the
clock. Acts on what has landed, whatever its gate says. Running it again does nothing twice. Runbook: docs/runbooks/close_loop.md
"""

from airflow.sdk import AssetOrTimeSchedule, dag

from shopkeeper.airflow.assets import SIGNALS
from shopkeeper.airflow.defaults import LOOP_POOL, owned_by, step_task
from shopkeeper.airflow.timetables import EVERY_FIVE_MINUTES


@dag(
    schedule=AssetOrTimeSchedule(timetable=EVERY_FIVE_MINUTES, assets=SIGNALS),
    tags=["system:closed-loop", "impact:tier-1"],
    doc_md=__doc__,
    **owned_by("cx-office", pool=LOOP_POOL),
)
def close_loop():
    refresh_directory = step_task("close_loop", "refresh_directory")
    notice = step_task("close_loop", "notice")
    keep_time = step_task("close_loop", "keep_time")
    gather_initiatives = step_task("close_loop", "gather_initiatives")
    tell_project_tool = step_task("close_loop", "tell_project_tool")
    send_messages = step_task("close_loop", "send_messages")
    write_back = step_task("close_loop", "write_back")
    reconcile = step_task("close_loop", "reconcile")

    refresh_directory >> notice >> keep_time >> [send_messages, write_back]
    write_back >> reconcile
    refresh_directory >> gather_initiatives >> tell_project_tool


close_loop()
