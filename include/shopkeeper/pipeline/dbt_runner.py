"""Runs dbt, believes only what this very run wrote down, and says in our words what failed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from os import environ
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import Problem, fail
from shopkeeper.quality import sites
from shopkeeper.warehouse.embedded import home

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"
APPLICATION = "shopkeeper-dbt"  # as in profiles.yml
GOOD = {"success", "pass", "warn", "no-op"}  # exposures: they are told, and nothing is run
MOST_PROBLEMS = 10


class Part(StrEnum):
    """Analyses in Python read the models of the first part and write schema `analysis`, which the second part reads."""

    BEFORE_ANALYSES = "before analyses"
    AFTER_ANALYSES = "after analyses"


AFTER_ANALYSES = "source:analysis+"


@dataclass(frozen=True)
class Result:
    """How one model, seed or test ended."""

    node_id: str
    resource_type: str
    status: str
    failures: int | None
    rows_affected: int | None
    seconds: float
    message: str | None

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Invocation:
    """One run of dbt; without problems every selected node is among the results, and ended well."""

    invocation_id: str
    results: tuple[Result, ...]
    problems: tuple[Problem, ...]


def build(
    engine: sa.Engine, part: Part, *, full_refresh: bool, note: Callable[[str], None] | None = None, project: Path | None = None
) -> Invocation:
    """`dbt build` of one part of the project, unit tests left out. Never `dbt retry`, which believes an older run's results.

    `note` is given a line for each model that ended. Raises ShopkeeperError when dbt wrote no results at all.
    """
    target = _folder(engine) / "target"
    written = target / "run_results.json"
    written.unlink(missing_ok=True)
    chosen = ["--exclude" if part == Part.BEFORE_ANALYSES else "--select", AFTER_ANALYSES]
    options = [*chosen, "--exclude-resource-type", "unit_test", *(["--full-refresh"] if full_refresh else [])]
    log = _run(engine, ["build", *options], target, project or PROJECT, note)
    if not written.exists():
        raise fail("dbt", f"ended without results: {log.errors()}", f"see {_folder(engine) / 'logs' / 'dbt.log'}")
    return judge(json.loads(written.read_text()), json.loads((target / "manifest.json").read_text()), log.invocation_id, part)


def judge(run_results: dict[str, Any], manifest: dict[str, Any], invocation_id: str, part: Part) -> Invocation:
    """Hold what dbt wrote against what was selected: everything in that part of the manifest but unit tests and ephemeral models."""
    names = {manifest["metadata"]["invocation_id"], run_results["metadata"]["invocation_id"], invocation_id}
    if len(names) > 1:
        raise fail("dbt", "the results on disk are of another run", "run the build again")
    after = _after_analyses(manifest)
    nodes = {
        node_id: node
        for node_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot", "test")
        and node["config"].get("materialized") != "ephemeral"
        and (node_id in after) == (part == Part.AFTER_ANALYSES)
    }
    results = tuple(
        Result(
            node_id=result["unique_id"],
            resource_type=result["unique_id"].split(".")[0],
            status=result["status"],
            failures=result.get("failures"),
            rows_affected=result.get("adapter_response", {}).get("rows_affected"),
            seconds=round(result["execution_time"], 3),
            message=_without_values(result.get("message")),
        )
        for result in run_results["results"]
    )
    there = {result.node_id for result in results}
    bad = [result for result in results if result.status not in GOOD]
    # A node that was skipped only repeats the failure that it waited for.
    causes = [result for result in bad if result.status != "skipped"] or bad
    problems = [Problem(_where(nodes.get(result.node_id)), _what(result)) for result in causes]
    problems += [Problem(_where(nodes[node_id]), "did not run") for node_id in sorted(set(nodes) - there)]
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], Problem("dbt", f"{len(problems) - MOST_PROBLEMS} more; quality.dbt_results lists them")]
    return Invocation(invocation_id, results, tuple(problems))


def _after_analyses(manifest: dict[str, Any]) -> set[str]:
    """Everything that reads schema `analysis`, or reads what does."""
    waiting = [node_id for node_id, source in manifest["sources"].items() if source["schema"] == "analysis"]
    found: set[str] = set()
    while waiting:
        children = set(manifest["child_map"].get(waiting.pop(), ())) - found
        found |= children
        waiting += children
    return found


def build_docs(engine: sa.Engine, *, now: datetime, project: Path | None = None) -> None:
    """Make the documentation of the models as one page, and keep it as site `dbt_docs`."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-dbt-docs-") as scratch:
        target = Path(scratch) / "target"
        target.mkdir()
        kept = [_folder(engine) / "target" / name for name in ("manifest.json", "partial_parse.msgpack")]
        is_compiled = all(file.exists() for file in kept)
        for file in kept if is_compiled else ():  # what the last build compiled need not be compiled again
            shutil.copy(file, target)
        options = ["--no-compile"] if is_compiled else []
        log = _run(engine, ["docs", "generate", "--static", *options], target, project or PROJECT, None)
        page = target / "static_index.html"
        if not page.exists():
            raise fail("dbt docs", f"were not made: {log.errors()}", f"see {_folder(engine) / 'logs' / 'dbt.log'}")
        site = Path(scratch) / "site"
        site.mkdir()
        page.rename(site / "index.html")
        sites.store(engine, "dbt_docs", site, now=now)


def end_leftovers(engine: sa.Engine) -> None:
    """End the connections that a killed build left behind: its last statement may still be at work on the server.

    Only for the holder of the lock on marts, which says that no other build is alive.
    """
    mine = "application_name = :name and usename = current_user and datname = current_database()"
    with engine.connect() as connection:
        connection.execute(sa.text(f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where {mine}"), {"name": APPLICATION})


# --- one run of dbt --------------------------------------------------------------------------------------------------


@dataclass
class _Log:
    """What dbt said: its lines are JSON events."""

    invocation_id: str
    error_lines: list[str]

    def errors(self) -> str:
        return "; ".join(self.error_lines[:3]) or "it said nothing"


def profile_environment(url: sa.URL) -> dict[str, str]:
    """What dbt_project/profiles.yml asks of the environment, for one warehouse; it holds the password."""
    return {
        "SHOPKEEPER_PG_HOST": url.host or "",
        "SHOPKEEPER_PG_PORT": str(url.port or 5432),
        "SHOPKEEPER_PG_USER": url.username or "",
        "SHOPKEEPER_PG_PASSWORD": url.password or "",
        "SHOPKEEPER_PG_DBNAME": url.database or "",
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items() if name.startswith("ssl")},  # read by libpq
    }


def _folder(engine: sa.Engine) -> Path:
    """Where dbt writes for this warehouse. Kept between runs, so that what has not changed is not parsed again."""
    url = engine.url
    folder = home() / "dbt" / f"{url.host}-{url.port}-{url.database}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(engine: sa.Engine, command: Sequence[str], target: Path, project: Path, note: Callable[[str], None] | None) -> _Log:
    logs = _folder(engine) / "logs"
    paths = {"--project-dir": project, "--profiles-dir": project, "--target-path": target, "--log-path": logs}
    options = [part for name, path in paths.items() for part in (name, str(path))]
    process = subprocess.Popen(
        [sys.executable, "-m", "shopkeeper.pipeline.dbt_child", *command, *options, "--log-format", "json"],
        env={**environ, **profile_environment(engine.url), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,  # held open and never written to: the child ends when it closes
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    log = _Log("", [])
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin:
        try:
            for line in process.stdout:
                _read(line, log, note)
        except BaseException:
            process.kill()
            raise
    return log


def _read(line: str, log: _Log, note: Callable[[str], None] | None) -> None:
    try:
        event = json.loads(line)
        info, data = event["info"], event.get("data", {})
    except (ValueError, KeyError, TypeError):
        return
    log.invocation_id = log.invocation_id or info.get("invocation_id", "")
    if info.get("level") == "error":
        log.error_lines.append(_without_values(info.get("msg", "")) or "")
    elif note and info.get("name") == "LogModelResult":
        note(f"{data['index']} of {data['total']}: {data['node_info']['node_name']}")


def _where(node: dict[str, Any] | None) -> str:
    return f"dbt › {node['original_file_path']} › {node['name']}" if node else "dbt"


def _what(result: Result) -> str:
    if result.resource_type == "test" and result.failures:
        return f"{result.failures} rows break this rule"
    return f"{result.status}: {result.message or 'without a message'}"


def _without_values(message: str | None) -> str | None:
    """A database's message may quote a row in its details, or a value in quotes after a colon."""
    if not message:
        return None
    lines = [line.strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not re.match(r"(DETAIL|CONTEXT|LINE \d+|compiled code at)\b", line, re.IGNORECASE)]
    return re.sub(r': ".*?"', ': "…"', " ".join(kept))
