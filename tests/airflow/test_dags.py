"""The DAGs as Airflow sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow_process import ROOT, in_airflow

from shopkeeper.pipeline import steps
from shopkeeper.pipeline.orchestrator import POOLS

DAGS = {
    "ingest_sources",
    "trigger_surveys",
    "collect_responses",
    "close_loop",
    "build_marts",
    "audit_metric",
    "rebuild_marts",
    "distribute_feedback",
    "enforce_retention",
}
SYSTEMS = {"survey-trigger", "survey-system", "distribution", "closed-loop", "analytic-database", "links-to-finance-and-crm", "over-all"}

# Runs in a process of its own: Airflow reads its configuration when it is imported.
SERIALISE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
out = {
    "errors": bag.import_errors,
    "dags": {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()},
}
print("\\n" + json.dumps(out, sort_keys=True, default=str))
"""


@pytest.fixture(scope="module")
def parses(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The DAG folder, parsed twice, each time in a fresh process."""
    home = tmp_path_factory.mktemp("airflow")
    return [json.loads(in_airflow(home, SERIALISE, str(ROOT / "dags"))) for _ in range(2)]


@pytest.fixture(scope="module")
def dags(parses: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {dag_id: content["dag"] for dag_id, content in parses[0]["dags"].items()}


def tasks_of(dag: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each task with its defaults filled in."""
    return {task["__var"]["task_id"]: task["__var"] for task in dag["tasks"]}


def defaults_of(dag: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = dag["default_args"]["__var"]
    return found


def test_the_dags_are_there_and_no_others(parses: list[dict[str, Any]], dags: dict[str, dict[str, Any]]) -> None:
    # A wrong folder yields no DAGs and no errors: without this list an empty pipeline would pass every other test.
    assert parses[0]["errors"] == {}
    assert set(dags) == DAGS == set(steps.dag_ids()) == {file.stem for file in (ROOT / "dags").glob("*.py")}


def test_two_parses_give_the_same_dags(parses: list[dict[str, Any]]) -> None:
    # Anything random or taken from the clock makes a new DAG version every half minute, for ever.
    first, second = ({dag_id: json.dumps(dag, sort_keys=True) for dag_id, dag in parse["dags"].items()} for parse in parses)
    assert first == second


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_each_dag_says_whose_it_is_and_what_to_do(dags: dict[str, dict[str, Any]], dag_id: str) -> None:
    # At three in the morning the one who is called needs to know whose it is, how much it matters, and what to do.
    dag = dags[dag_id]
    assert defaults_of(dag)["owner"] in {"cx-data", "cx-office"}
    tags = dict(tag.split(":") for tag in dag["tags"])
    assert tags["system"] in SYSTEMS
    assert tags["impact"] in {"tier-1", "tier-2", "tier-3"}
    runbook = f"docs/runbooks/{dag_id}.md"
    assert runbook in dag["doc_md"]
    text = (ROOT / runbook).read_text()
    missing = [step.name for step in steps.steps_of(dag_id) if f"`{step.name}`" not in text]
    assert not missing, f"{runbook} does not say what to do when {missing} fail"


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_each_dag_is_bounded(dags: dict[str, dict[str, Any]], dag_id: str) -> None:
    dag = dags[dag_id]
    assert datetime.fromtimestamp(dag["start_date"], UTC) == datetime(2020, 1, 1, tzinfo=UTC)
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    defaults = defaults_of(dag)
    # An answer must not wait for an hour's loads.
    pool = "closed_loop" if dag_id == "close_loop" else "warehouse"
    assert defaults["pool"] == pool
    assert pool in POOLS
    for name, task in tasks_of(dag).items():
        assert task.get("pool", pool) == pool, name
        assert timedelta(0) < timedelta(seconds=task["execution_timeout"]) <= timedelta(hours=4), name
        assert task.get("has_on_failure_callback"), name


@pytest.mark.parametrize("dag_id", sorted(DAGS))
def test_each_dag_is_the_list_of_steps(dags: dict[str, dict[str, Any]], dag_id: str) -> None:
    # The command line runs the list, the scheduler runs the DAG: they must be the same pipeline.
    tasks = tasks_of(dags[dag_id])
    upstream: dict[str, set[str]] = {name: set() for name in tasks}
    for name, task in tasks.items():
        for after in task.get("downstream_task_ids", []):
            upstream[after].add(name)
    listed = {step.name: step for step in steps.steps_of(dag_id)}
    assert upstream == {name: set(step.upstream) for name, step in listed.items()}
    for name, step in listed.items():
        assert tasks[name].get("retries", 0) == step.retries
        assert timedelta(seconds=tasks[name]["execution_timeout"]) == step.timeout
        assert (tasks[name].get("trigger_rule") == "all_done") == step.even_after_failure


def test_any_group_of_sources_wakes_the_build(dags: dict[str, dict[str, Any]]) -> None:
    # A list of assets would mean AND: a company without a panel would never see a build.
    timetable = dags["build_marts"]["timetable"]
    condition = timetable["__var"]["asset_condition"]
    assert condition["__type"] == "asset_any"
    assert {asset["name"] for asset in condition["objects"]} == {"raw/crm", "raw/finance", "raw/survey", "raw/panel"}


@pytest.mark.parametrize("dag_id", ["ingest_sources", "trigger_surveys", "collect_responses"])
def test_what_runs_by_the_clock_is_hourly_with_real_intervals(dags: dict[str, dict[str, Any]], dag_id: str) -> None:
    # A plain cron string has intervals of no length: every window would be empty.
    timetable = dags[dag_id]["timetable"]
    assert timetable["__type"].endswith("CronDataIntervalTimetable")
    assert timetable["__var"] == {"expression": "0 * * * *", "timezone": "UTC"}


def test_retention_runs_by_night_and_wakes_nobody(dags: dict[str, dict[str, Any]]) -> None:
    # It holds the lock of the marts while it looks for old versions, and must not be in the way of the morning's build.
    assert dags["enforce_retention"]["timetable"]["__var"] == {"expression": "30 2 * * *", "timezone": "UTC"}
    assert all(not task.get("outlets") for task in tasks_of(dags["enforce_retention"]).values())


def test_publications_wake_the_audit_and_rebuilds_are_by_hand(dags: dict[str, dict[str, Any]]) -> None:
    for dag_id in ("audit_metric", "distribute_feedback"):
        assert dags[dag_id]["timetable"]["__var"]["asset_condition"]["name"] == "marts/published"
    assert dags["rebuild_marts"]["timetable"]["__type"].endswith("NullTimetable")
    for dag_id in ("build_marts", "rebuild_marts"):
        assert [asset["__var"]["name"] for asset in tasks_of(dags[dag_id])["publish"]["outlets"]] == ["marts/published"]


def test_signals_wake_the_closed_loop_and_the_clock_does_too(dags: dict[str, dict[str, Any]]) -> None:
    # Without the watcher an unhappy customer waits for the clock; without the clock, for ever where no triggerer runs.
    timetable = dags["close_loop"]["timetable"]["__var"]
    assert timetable["timetable"]["__var"]["expression"] == "*/5 * * * *"
    signals = timetable["asset_condition"]
    assert signals["name"] == "closed_loop/signals"
    watched = json.dumps(signals)
    assert "shopkeeper.airflow.triggers.Told" in watched
    assert "shopkeeper_closed_loop" in watched
    migrated = (ROOT / "include/shopkeeper/warehouse/migrations/versions/0008_closed_loop.py").read_text()
    assert migrated.count("pg_notify('shopkeeper_closed_loop'") == 2, "the warehouse tells on another channel than is listened to"


def test_the_cycle_follows_the_assets() -> None:
    # `run` and `--no-airflow` go on where an asset would wake the next DAG.
    assert steps.CYCLE == {
        "ingest_sources": (),
        "trigger_surveys": (),
        "collect_responses": (),
        "close_loop": (),
        "build_marts": (("ingest_sources", "gate_batches"), ("collect_responses", "gate_answers")),
        "distribute_feedback": (("build_marts", "publish"),),
        "audit_metric": (("build_marts", "publish"),),
    }
    for wakers in steps.CYCLE.values():
        assert all(steps.find(*waker) for waker in wakers)


HEAVY = {"great_expectations", "dbt", "pandas", "numpy", "pyarrow", "psycopg", "psycopg2", "fastapi", "jinja2.sandbox"}

PARSE = """
import importlib.util, json, sys
import airflow.sdk
from airflow.sdk import dag, task, Asset, CronDataIntervalTimetable, ExceptionRetryPolicy, Param
before = set(sys.modules)
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("parsed", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
"""


def test_parsing_imports_nothing_heavy(tmp_path: Path) -> None:
    # Every DAG file is imported every half minute, and again by each task: five seconds of imports there stop the scheduler.
    files = [str(file) for file in sorted((ROOT / "dags").glob("*.py"))] + [str(ROOT / "plugins" / "published_pages.py")]
    imported = set(json.loads(in_airflow(tmp_path, PARSE, *files)))
    assert "shopkeeper.pipeline.steps" in imported, "the test did not see the DAGs' imports"
    assert not {name for name in imported if name.split(".")[0] in HEAVY or name in HEAVY}
