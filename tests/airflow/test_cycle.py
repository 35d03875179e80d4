"""The cycle in one process, on a company of a few rows."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny

from shopkeeper.company.load import load
from shopkeeper.errors import GateFailed, ShopkeeperError, fail
from shopkeeper.pipeline import steps
from shopkeeper.pipeline.cycle import Order, Progress, run_without_airflow
from shopkeeper.pipeline.status import status
from shopkeeper.pipeline.steps import Request, Step, Summary

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
INGEST = Order(dags=("ingest_sources",))
PANEL = """
panel:
  entities:
    benchmark_responses: {path: gone.csv, columns: {native_id: id}}
"""


def ended(progress: list[Progress]) -> dict[str, str]:
    return {one.step: one.state for one in progress if one.state != "running"}


@pytest.fixture
def company(tmp_path: Path, warehouse: sa.Engine) -> Path:
    return tiny.make(tmp_path / "shop")


@pytest.mark.long
def test_a_cycle_ends_in_published_marts_and_their_audit(company: Path, warehouse: sa.Engine, shopkeeper_home: Path) -> None:
    # One source is broken: the others are built and published all the same, and the run says so at its end.
    (company / "sources.yml").write_text(tiny.SOURCES + PANEL)
    told: list[Progress] = []
    with pytest.raises(ShopkeeperError, match=r"gone\.csv"):
        run_without_airflow(load(company), Order(), told.append, lambda: NOW)
    states = ended(told)
    assert states.pop("load_panel") == "failed"
    assert states.pop("confirm_batches") == "skipped"
    assert set(states.values()) == {"succeeded"}
    assert set(states) == {step.name for step in steps.STEPS} - {"load_panel", "confirm_batches"}
    with warehouse.connect() as connection:
        yearly = "select sum(responses) from marts.nps_by_segment where dimension = 'all' and period_grain = 'year'"
        assert connection.scalar(sa.text(yearly)) == tiny.CUSTOMERS, "a relationship score counts each customer's latest answer"
        assert set(connection.scalars(sa.text("select name from quality.sites"))) == {
            *("report", "economics", "data_docs", "dbt_docs"),
            *("huddle_packs", "intranet_front_line", "intranet_branch_managers", "intranet_region_managers", "intranet_executives"),
        }
        recorded = connection.execute(sa.text("select step, status from ops.runs")).all()
        assert dict(recorded) == {**dict.fromkeys(states, "succeeded"), "load_panel": "failed"}
    found = status(warehouse, NOW + timedelta(hours=1))
    assert not found.is_stale
    assert [(run.step, "gone.csv" in run.reason) for run in found.last_failures] == [("load_panel", True)]
    assert status(warehouse, NOW + timedelta(hours=30)).is_stale


def test_a_batch_that_fails_its_gate_turns_the_run_red_after_the_rest_has_gone_on(company: Path, warehouse: sa.Engine) -> None:
    # A snapshot that is suddenly empty is no company without customers.
    (company / "sources.yml").write_text(tiny.SOURCES.replace("table: receipts", "table: receipts\n      full_snapshot: true"))
    run_without_airflow(load(company), INGEST, lambda _: None, lambda: NOW)
    with sqlite3.connect(company / "shop.db") as shop:
        shop.execute("delete from receipts")
    told: list[Progress] = []
    with pytest.raises(ShopkeeperError, match="failed its gate") as caught:
        run_without_airflow(load(company), INGEST, told.append, lambda: NOW + timedelta(hours=1))
    assert ended(told)["gate_batches"] == "succeeded"
    assert ended(told)["confirm_batches"] == "failed"
    failed = status(warehouse, NOW).failed_batches
    assert [one.entity for one in failed] == ["revenue"]
    assert f"./shopkeeper batch waive {failed[0].batch_id}" in str(caught.value)


def waves(warehouse: sa.Engine) -> list[str]:
    with warehouse.connect() as connection:
        return list(connection.scalars(sa.text("select programme || '/' || name from ops.waves")))


def test_a_backfill_asks_nobody_and_says_so(company: Path, warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Last spring's window, read again today, must not send last spring's survey to today's customers.
    (company / "programmes.yml").write_text(tiny.PROGRAMMES)
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", "smtp://127.0.0.1:9")  # nothing listens there: sending would fail
    told: list[Progress] = []
    window = {"read_from": tiny.FIRST, "read_to": tiny.LAST}
    order = Order(dags=("ingest_sources", "trigger_surveys"), **window)  # type: ignore[arg-type]
    run_without_airflow(load(company), order, told.append, lambda: NOW)
    said = {one.step: one.summary.get("why_nothing") for one in told if one.dag_id == "trigger_surveys" and one.state == "succeeded"}
    assert said.keys() == {"draw_waves", "hand_over", "send_due"}
    assert all("backfill" in str(why) for why in said.values())
    assert waves(warehouse) == []
    run_without_airflow(load(company), Order(dags=("trigger_surveys",), as_of=NOW), told.append, lambda: NOW - timedelta(days=1))
    assert waves(warehouse) == ["relationship/2026-01-05"]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The list of steps with the work taken out, but for one that stops it."""
    done: list[str] = []

    def work(step: Step) -> Step:
        def note_down(request: Request) -> Summary:
            if step.name == "gate_publication":
                raise GateFailed(fail("build 1", "a score of 140").problems)
            done.append(f"{step.dag_id}.{step.name}")
            return {"failed": [], "build_id": 1}

        return Step(step.dag_id, step.name, note_down, step.timeout, step.upstream, step.retries, step.even_after_failure)

    monkeypatch.setattr(steps, "STEPS", tuple(work(step) for step in steps.STEPS))
    return done


@pytest.mark.parametrize("dags", [("build_marts", "audit_metric"), ("audit_metric", "build_marts")])
def test_a_closed_gate_stops_what_comes_after_it(company: Path, small_steps: list[str], dags: tuple[str, ...]) -> None:
    told: list[Progress] = []
    with pytest.raises(ShopkeeperError, match="a score of 140"):
        run_without_airflow(load(company), Order(dags=dags), told.append, lambda: NOW)
    assert small_steps == [f"build_marts.{name}" for name in ("freeze", "redact", "build_models", "analyse", "complete_models")]
    assert ended(told) == {
        **dict.fromkeys(("freeze", "redact", "build_models", "analyse", "complete_models"), "succeeded"),
        "gate_publication": "failed",
        "publish": "skipped",
    }


def test_a_dag_that_is_chosen_alone_runs_at_once(company: Path, small_steps: list[str]) -> None:
    run_without_airflow(load(company), Order(dags=("audit_metric",)), lambda _: None, lambda: NOW)
    assert small_steps == ["audit_metric.report", "audit_metric.economics", "audit_metric.data_docs", "audit_metric.dbt_docs"]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"dags": ("build_mart",)}, "there is no DAG build_mart"),
        ({"read_from": NOW}, "only one of them is given"),
        ({"read_from": NOW, "read_to": NOW}, "the window is empty"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order: dict[str, object], said: str) -> None:
    with pytest.raises(ShopkeeperError, match=said):
        Order(**order)  # type: ignore[arg-type]
