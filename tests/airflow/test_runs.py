"""What is put on record about each run of a step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shopkeeper.errors import GateFailed, Problem
from shopkeeper.pipeline import runs, steps
from shopkeeper.pipeline.steps import Request, Step, Summary
from shopkeeper.warehouse.tables import RUNS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = {"step": "load_crm", "dag_id": "ingest_sources"}


def recorded(engine: sa.Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        return {row.run_id: row for row in connection.execute(sa.select(RUNS))}


def test_a_run_is_on_record_while_it_runs_and_after(warehouse: sa.Engine) -> None:
    with runs.recorded(warehouse, run_id="a", clock=lambda: NOW, **NAMES) as summary:
        assert recorded(warehouse)["a"].status == "running"
        summary["rows_in"] = 7
    row = recorded(warehouse)["a"]
    assert (row.status, row.summary, row.ended_at) == ("succeeded", {"rows_in": 7}, NOW)


def test_a_failure_is_recorded_with_its_reason_and_raised(warehouse: sa.Engine) -> None:
    problem = Problem("batch 3", "half of it is missing", "look at the source")
    with pytest.raises(GateFailed), runs.recorded(warehouse, run_id="a", clock=lambda: NOW, **NAMES):
        raise GateFailed(problem)
    row = recorded(warehouse)["a"]
    assert row.status == "failed"
    assert row.summary["problems"] == [{"where": "batch 3", "what": "half of it is missing", "hint": "look at the source"}]


def test_a_timeout_of_the_scheduler_is_recorded(warehouse: sa.Engine) -> None:
    # Airflow's timeout is no Exception: caught as one, a timed-out step would stay "running" for ever.
    class Timeout(BaseException):
        pass

    with pytest.raises(Timeout), runs.recorded(warehouse, run_id="a", clock=lambda: NOW, **NAMES):
        raise Timeout
    assert recorded(warehouse)["a"].status == "failed"


def test_a_killed_run_is_found_out_and_a_live_one_is_left_alone(warehouse: sa.Engine) -> None:
    # After kill -9 nobody is left to write the end; a status that shows it as running would send people waiting.
    with warehouse.begin() as connection:
        connection.execute(sa.insert(RUNS).values(run_id="killed", started_at=NOW - timedelta(hours=1), status="running", **NAMES))
    with runs.recorded(warehouse, run_id="alive", clock=lambda: NOW, **NAMES):
        assert runs.close_abandoned(warehouse, now=NOW) == 0, "starting a run has already closed the killed one"
        found = recorded(warehouse)
        assert (found["killed"].status, found["killed"].ended_at) == ("failed", NOW)
        assert found["killed"].summary == {"reason": runs.ABANDONED}
        assert found["alive"].status == "running"


def test_a_callback_completes_the_record_but_never_overwrites_it(warehouse: sa.Engine) -> None:
    runs.record_failure(warehouse, run_id="never began", why="ImportError", now=NOW, **NAMES)
    assert recorded(warehouse)["never began"].summary == {"reason": "ImportError"}
    with runs.recorded(warehouse, run_id="done", clock=lambda: NOW, **NAMES) as summary:
        summary["rows_in"] = 7
    runs.record_failure(warehouse, run_id="done", why="Timeout", now=NOW, **NAMES)
    assert recorded(warehouse)["done"].status == "succeeded"


def test_what_a_database_says_about_a_row_is_not_passed_on(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Postgres quotes the row at fault; a customer's address would stand in task logs that nobody may erase.
    monkeypatch.setattr("shopkeeper.warehouse.engine.engine", lambda: warehouse)

    def leak(request: Request) -> Summary:
        with warehouse.begin() as connection:
            connection.execute(sa.text("create temp table people (email text primary key)"))
            connection.execute(sa.text("insert into people values ('ann@example.com'), ('ann@example.com')"))
        return {}

    step = Step("ingest_sources", "load_crm", leak, timedelta(minutes=1))
    with pytest.raises(Exception, match="UniqueViolation") as caught:
        steps.run(step, Request(folder=None, run_id="r", now=NOW))  # type: ignore[arg-type]
    assert "ann@" not in str(caught.value)
    assert caught.value.__suppress_context__, "the trace in the task's log would show the database's message"
    summary = recorded(warehouse)["r/load_crm"].summary
    assert "ann@" not in str(summary)
    assert "23505" in summary["reason"]
