"""What every DAG has in common: ownership, limits, and how a run's context becomes a step's request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule, TriggerRule, task

from shopkeeper.airflow.callbacks import record_failure
from shopkeeper.pipeline.steps import Request, Step, find, run

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from shopkeeper.sources.ingest import Interval

POOL, LOOP_POOL = "warehouse", "closed_loop"
START = datetime(2020, 1, 1, tzinfo=UTC)  # fixed: a moving start date makes a new DAG version at every parse

# A closed gate stays closed until somebody has looked; anything else, such as a source that is down, may pass.
RETRIES = ExceptionRetryPolicy(rules=[RetryRule(exception="shopkeeper.errors.GateFailed", action=RetryAction.FAIL)])


def owned_by(owner: str, *, pool: str = POOL) -> dict[str, Any]:
    """The arguments that every DAG gets. `pool`: whose tasks wait for each other; customers do not wait for an hour's loads."""
    return {
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {
            "owner": owner,
            "pool": pool,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": RETRIES,
            "on_failure_callback": record_failure,
        },
    }


def moment(title: str) -> Param:
    """A parameter that takes a time, or nothing."""
    return Param(None, type=["null", "string"], format="date-time", title=title)


def step_task(dag_id: str, name: str, *, outlets: list[Asset] | None = None) -> Any:
    """The task that does one step of the list."""
    chosen = find(dag_id, name)

    @task(  # type: ignore[untyped-decorator]
        task_id=name,
        execution_timeout=chosen.timeout,
        retries=chosen.retries,
        trigger_rule=TriggerRule.ALL_DONE if chosen.even_after_failure else TriggerRule.ALL_SUCCESS,
        outlets=outlets or [],
    )
    def do(**context: Any) -> dict[str, Any]:
        return run(chosen, request(context, chosen))

    return do()


def request(context: Mapping[str, Any], chosen: Step) -> Request:
    """What the run's context asks of a step. The company folder is the one that the environment names."""
    from shopkeeper.company.load import load

    instance = context["task_instance"]
    return Request(
        folder=load(),
        run_id=request_id(context),
        now=datetime.now(UTC),
        interval=interval(context),
        as_of=as_of(context),
        known_at=_moment(context, "known_at"),
        is_backfill=context["dag_run"].run_type == "backfill" or _moment(context, "from") is not None,
        earlier={name: summary for name in chosen.upstream if (summary := instance.xcom_pull(task_ids=name)) is not None},
    )


def request_id(context: Mapping[str, Any]) -> str:
    """Names one try of one DAG run: `<dag>/<run>/<try>`."""
    instance = context["task_instance"]
    return f"{instance.dag_id}/{context['run_id']}/{instance.try_number}"


def as_of(context: Mapping[str, Any]) -> datetime | None:
    """The business time to cut at: the run's parameter, else None, and `freeze` takes what has been covered."""
    return _moment(context, "as_of")


def interval(context: Mapping[str, Any]) -> Interval | None:
    """The run's (start, end]: that of the clock or the backfill, or the parameters `from` and `to`; None is up to now."""
    from shopkeeper.sources.ingest import Interval

    if context["dag_run"].run_type in ("scheduled", "backfill"):
        return Interval(context["data_interval_start"], context["data_interval_end"])
    start, end = _moment(context, "from"), _moment(context, "to")
    return Interval(start, end) if start and end else None


def runbook(dag_id: str) -> str:
    return f"docs/runbooks/{dag_id}.md"


def _moment(context: Mapping[str, Any], name: str) -> datetime | None:
    """A time from the run's parameters; UTC where it names no offset."""
    value = (context.get("params") or {}).get(name)
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
