"""Airflow's own history grows with every task; the supervisor asks Airflow, in Airflow's own words, to forget what is old."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow_process import in_airflow

from shopkeeper.pipeline import orchestrator

PARSE = """
import json, sys
from airflow.cli.cli_parser import get_parser
options = get_parser().parse_args(sys.argv[1:])
told = {name: str(getattr(options, name)) for name in ("clean_before_timestamp", "skip_archive", "yes", "tables", "dry_run")}
print("\\n" + json.dumps(told))
"""


@pytest.mark.slow
def test_airflow_understands_what_the_supervisor_asks_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An option that an upgrade has renamed would fail by night, once a day, in a log that nobody reads.
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path))
    monkeypatch.setattr(orchestrator, "settings", lambda *_, **__: {})
    asked: list[Any] = []
    supervisor = SimpleNamespace(spawn=lambda name, argv, env, log, *, is_lasting: asked.append((argv, is_lasting)))
    orchestrator.clean_history(supervisor, tmp_path, before=datetime(2026, 3, 1, tzinfo=UTC))  # type: ignore[arg-type]
    ((argv, is_lasting),) = asked
    assert not is_lasting, "the supervisor would take its end for a failure"
    told = json.loads(in_airflow(tmp_path, PARSE, *argv[argv.index("db") :]))
    assert told == {
        "clean_before_timestamp": "2026-03-01 00:00:00+00:00",
        "skip_archive": "True",
        "yes": "True",
        "tables": "None",
        "dry_run": "False",
    }
