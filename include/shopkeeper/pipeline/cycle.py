"""One whole cycle, from the sources to the published marts and their audit: under Airflow, or in this one process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.pipeline import steps
from shopkeeper.pipeline.orchestrator import Airflow, airflow
from shopkeeper.pipeline.steps import Request, Step, Summary
from shopkeeper.warehouse.supervisor import Supervisor

if TYPE_CHECKING:
    from shopkeeper.company.config import CompanyFolder
    from shopkeeper.sources.ingest import Interval
    from shopkeeper.warehouse.supervisor import Supervisor

State = Literal["running", "succeeded", "failed", "retrying", "skipped"]


@dataclass(frozen=True)
class Progress:
    """A step has changed state. `summary` is what it returned, `note` what it is doing or why it failed, `log` how its log ends."""

    dag_id: str
    step: str
    state: State
    note: str = ""
    seconds: float | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    log: tuple[str, ...] = ()


Listener = Callable[[Progress], None]


@dataclass(frozen=True)
class Order:
    """What to run: which DAGs (all of the cycle by default), over which window, as of when."""

    dags: Sequence[str] = tuple(steps.CYCLE)
    read_from: datetime | None = None
    read_to: datetime | None = None
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if unknown := [dag_id for dag_id in self.dags if dag_id not in steps.dag_ids()]:
            raise fail("--dag", f"there is no DAG {unknown[0]}", f"DAGs are {', '.join(steps.dag_ids())}")
        if (self.read_from is None) != (self.read_to is None):
            raise fail("--from and --to", "only one of them is given", "give both: the window to read again")
        if self.read_from is not None and self.read_to is not None and self.read_from >= self.read_to:
            raise fail("--from and --to", "the window is empty", "--from must lie before --to")

    def in_sequence(self) -> list[str]:
        """The DAGs in the order in which they feed each other."""
        return [dag_id for dag_id in steps.dag_ids() if dag_id in self.dags]

    def interval(self) -> Interval | None:
        """The window to read again; None is everything new up to now."""
        from shopkeeper.sources.ingest import Interval

        return None if self.read_from is None or self.read_to is None else Interval(self.read_from, self.read_to)

    def parameters(self, dag_id: str) -> dict[str, str]:
        """What the DAG is told, as Airflow's run parameters."""
        said = {"from": self.read_from, "to": self.read_to} if dag_id in ("ingest_sources", "trigger_surveys") else {}
        if dag_id in ("trigger_surveys", "build_marts", "rebuild_marts"):
            said["as_of"] = self.as_of
        return {name: moment.isoformat() for name, moment in said.items() if moment is not None}


# --- in this process -------------------------------------------------------------------------------------------------


def run_without_airflow(company: CompanyFolder, order: Order, listen: Listener, clock: Callable[[], datetime]) -> None:
    """Do the steps one after the other, without retries.

    Goes on where the scheduler would: a source that fails holds up no other, and what passed is built and published.
    Raises ShopkeeperError with everything that failed, at the end; an error that is no user's mistake at once.
    """
    run_id = f"command-line__{clock():%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(3)}"
    done: dict[tuple[str, str], Summary] = {}
    problems: list[Problem] = []
    for dag_id in order.in_sequence():
        if not _is_woken(dag_id, order.dags, done):
            continue
        for step in steps.steps_of(dag_id):
            earlier = {name: done[dag_id, name] for name in step.upstream if (dag_id, name) in done}
            if len(earlier) < len(step.upstream) and not step.even_after_failure:
                listen(Progress(dag_id, step.name, "skipped", "an earlier step failed"))
                continue
            listen(Progress(dag_id, step.name, "running"))
            began = time.monotonic()
            try:
                request = Request(
                    folder=company,
                    run_id=f"{dag_id}/{run_id}/1",
                    now=clock(),
                    interval=order.interval(),
                    as_of=order.as_of,
                    is_backfill=order.read_from is not None,
                    earlier=earlier,
                    note=partial(_say, listen, step),
                )
                done[dag_id, step.name] = steps.run(step, request)
            except ShopkeeperError as error:
                problems += error.problems
                listen(Progress(dag_id, step.name, "failed", str(error), time.monotonic() - began))
                continue
            listen(Progress(dag_id, step.name, "succeeded", "", time.monotonic() - began, done[dag_id, step.name]))
    if problems:
        raise ShopkeeperError(problems)


def _say(listen: Listener, step: Step, text: str) -> None:
    listen(Progress(step.dag_id, step.name, "running", text))


def _is_woken(dag_id: str, chosen: Sequence[str], done: Mapping[tuple[str, str], Summary]) -> bool:
    """Whether something that wakes the DAG has succeeded; a DAG that is chosen without what wakes it runs at once."""
    wakers = [waker for waker in steps.CYCLE.get(dag_id, ()) if waker[0] in chosen]
    return not wakers or any(waker in done for waker in wakers)


# --- under a real scheduler ------------------------------------------------------------------------------------------

LOG_LINES = 15
ENDED = {"succeeded", "failed", "retrying"}


def run_with_airflow(supervisor: Supervisor, company: CompanyFolder, order: Order, listen: Listener, note: Callable[[str], None]) -> None:
    """Start Airflow under `supervisor`, trigger the DAGs one after the other, and wait for each.

    `note` is told what goes on besides the steps. Raises ShopkeeperError with everything that failed, at the end.
    """
    with airflow(supervisor, company.folder, is_scheduled=False, note=note) as there:
        note(f"Airflow is at {there.url}")
        follow(there, order, listen, check=supervisor.check)


def follow(there: Airflow, order: Order, listen: Listener, check: Callable[[], None]) -> None:
    """Trigger the DAGs of `order` in a running Airflow and wait for each. `check` raises when Airflow has died."""
    done: dict[tuple[str, str], Summary] = {}
    problems: list[Problem] = []
    for dag_id in order.in_sequence():
        if _is_woken(dag_id, order.dags, done):
            path = _trigger(there, dag_id, order.parameters(dag_id))
            failed: list[Problem] = []
            for progress in _watch(there, dag_id, path, check):
                listen(progress)
                if progress.state == "succeeded":
                    done[dag_id, progress.step] = dict(progress.summary)
                elif progress.state == "failed":
                    failed += _problems(progress, there)
            if not failed and there.get(path)["state"] != "success":
                failed = [Problem(dag_id, "was ended as failed, though none of its tasks was", f"see {there.url}/dags/{dag_id}")]
            problems += failed
    if problems:
        raise ShopkeeperError(problems)


def _trigger(there: Airflow, dag_id: str, parameters: Mapping[str, str]) -> str:
    """Start a run; returns its path in the API."""
    if there.get(f"/api/v2/dags/{dag_id}")["is_paused"]:  # by somebody, in the pages; a paused DAG would wait for ever
        there.patch(f"/api/v2/dags/{dag_id}", {"is_paused": False})
    started = there.post(f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(parameters)})
    return f"/api/v2/dags/{dag_id}/dagRuns/{started['dag_run_id']}"


def _watch(there: Airflow, dag_id: str, path: str, check: Callable[[], None]) -> Iterator[Progress]:
    """Each change of each task, until the run has ended."""
    seen: dict[str, tuple[str | None, int]] = {}
    while True:
        check()
        has_ended = there.get(path)["state"] in ("success", "failed")
        tasks = {task["task_id"]: task for task in there.get(f"{path}/taskInstances", limit=100)["task_instances"]}
        for step in steps.steps_of(dag_id):
            task = tasks.get(step.name)
            if task and seen.get(step.name) != (now := (task["state"], task["try_number"])):
                seen[step.name] = now
                if progress := _progress(there, path, task):
                    yield progress
        if has_ended:
            return
        time.sleep(0.5)


def _progress(there: Airflow, path: str, task: Mapping[str, Any]) -> Progress | None:
    states: dict[str, State] = {
        "running": "running",
        "success": "succeeded",
        "failed": "failed",
        "up_for_retry": "retrying",
        "upstream_failed": "skipped",
        "skipped": "skipped",
    }
    state = states.get(task["state"])
    if state is None:
        return None
    name, attempt = str(task["task_id"]), task["try_number"]
    summary = _recorded(f"{task['dag_id']}/{task['dag_run_id']}/{attempt}/{name}")
    note = "an earlier step failed" if state == "skipped" else str(summary.get("reason", ""))
    log = _end_of_log(there, f"{path}/taskInstances/{name}/logs/{attempt}") if state in ("failed", "retrying") else ()
    return Progress(task["dag_id"], name, state, note, task["duration"] if state in ENDED else None, summary, log)


def _recorded(run_id: str) -> Summary:
    """What the step has put into `ops.runs`."""
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.tables import RUNS

    with engine().connect() as connection:
        found: Summary | None = connection.scalar(sa.select(RUNS.c.summary).where(RUNS.c.run_id == run_id))
    return found or {}


def _end_of_log(there: Airflow, path: str) -> tuple[str, ...]:
    """The last lines of a task's log: what was said, and the messages of its errors without their traces."""
    lines: list[str] = []
    for entry in there.get(path, full_content=True)["content"]:
        logger = entry.get("logger", "task")
        is_about_the_task = (logger == "task" or logger.startswith("airflow.")) and entry.get("level", "info") == "info"
        lines += [] if is_about_the_task else entry["event"].splitlines()
        for error in entry.get("error_detail") or []:
            lines += f"{error['exc_type']}: {error['exc_value']}".splitlines()
    return tuple(lines[-LOG_LINES:])


def _problems(progress: Progress, there: Airflow) -> list[Problem]:
    if known := progress.summary.get("problems"):
        return [Problem(**problem) for problem in known]
    what = progress.note or "\n".join(["ended without a word on record; its log ends:", *progress.log])
    hint = f"docs/runbooks/{progress.dag_id}.md says what to do; its log is under {there.logs}"
    return [Problem(f"{progress.dag_id}.{progress.step}", what, hint)]
