"""A real Airflow on this machine: API server, scheduler and DAG processor under one supervisor, spoken to over its REST API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.metadata
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import sqlalchemy as sa

from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.pipeline import steps
from shopkeeper.warehouse.embedded import default_server, home, kept_secret
from shopkeeper.warehouse.engine import warehouse_url
from shopkeeper.warehouse.supervisor import Process, Supervisor

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
USER = "admin"
USUAL_PORT = 8080
START_SECONDS = 300
ATTEMPTS = 5
# What may work on the warehouse at once; the closed loop has places of its own, because an answer must not wait for an hour's loads.
POOLS = {"warehouse": 2, "closed_loop": 2}
CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


@dataclass(frozen=True)
class Airflow:
    """A running Airflow: where its pages are, who may log in, and a client that has done so."""

    url: str
    user: str
    password_file: Path
    logs: Path
    client: httpx.Client

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Ask; again where there is no answer, because a busy machine may keep the server from answering in time."""
        for _ in range(ATTEMPTS):
            try:
                return self._answer("GET", path, params=query)
            except httpx.TransportError:
                time.sleep(1)
        raise fail("airflow", "does not answer", f"see {self.logs}")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer("PATCH", path, json=body)

    def _answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = self.client.request(method, path, **options)
        if response.is_error:
            raise fail("airflow", f"{method} {path}: {response.text[:500]}", f"see {self.logs}")
        found: dict[str, Any] = response.json()
        return found


@contextmanager
def airflow(
    supervisor: Supervisor, company: Path, *, is_scheduled: bool, note: Callable[[str], None] = lambda _: None
) -> Iterator[Airflow]:
    """Start Airflow for the length of the block; its processes belong to `supervisor`, which stops them.

    With `is_scheduled` DAGs run by clock and asset; without, only what is triggered runs. Its metadata lies in the
    database `airflow` of the embedded Postgres, unless AIRFLOW__DATABASE__SQL_ALCHEMY_CONN says otherwise.
    Raises ShopkeeperError when it does not come up, or a DAG cannot be imported.
    """
    folder = home() / "airflow"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if CONNECTION not in os.environ:
        supervisor.start_server(default_server())
    port = free_port(USUAL_PORT if is_scheduled else 0)
    environment = settings(folder, company, port=port, is_scheduled=is_scheduled)
    logs, since = folder / "logs", datetime.now(UTC)
    _migrate(supervisor, environment, folder, note)
    note("starting Airflow")
    # The scheduler's own log server would listen on every address; the API server reads the logs from disk.
    commands = {
        "api-server": ["api-server", "--host", HOST, "--port", str(port)],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
    }
    if is_scheduled:  # it listens for what wakes DAGs; where only what is triggered runs, nothing does
        commands["triggerer"] = ["triggerer", "--skip-serve-logs"]
    for name, arguments in commands.items():
        supervisor.spawn(f"airflow {name}", _command(*arguments), environment, logs / f"{name}.log")
    with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=30, trust_env=False) as client:
        started = Airflow(f"http://{HOST}:{port}", USER, _password_file(folder), logs, client)
        _wait_until_healthy(started, supervisor, ["triggerer"] if is_scheduled else [])
        _log_in(started)
        _make_pools(started)
        _end_leftovers(started, since, note, ["running"] if is_scheduled else ["running", "queued"])
        _wait_for_dags(started, supervisor, since)
        yield started


def settings(folder: Path, company: Path, *, port: int, is_scheduled: bool) -> dict[str, str]:
    """The environment of Airflow's processes: ours over whatever AIRFLOW settings the caller has, but for the database."""
    connection = os.environ.get(CONNECTION) or default_server().url("airflow")
    url = sa.make_url(connection)
    key = _derived_keys(folder)
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        CONNECTION: url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
        f"{CONNECTION}_ASYNC": url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": key["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(folder)),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__SECRET_KEY": key["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": key["token"],
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(is_scheduled),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SHOPKEEPER_COMPANY": str(company),
        "SHOPKEEPER_HOME": str(home()),
        "WAREHOUSE_URL": warehouse_url(),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }


def clean_history(supervisor: Supervisor, company: Path, *, before: datetime) -> Process:
    """Let Airflow forget runs, tasks, events and logs of its own database from before a moment; goes on beside everything else."""
    folder = home() / "airflow"
    environment = settings(folder, company, port=USUAL_PORT, is_scheduled=True)
    return supervisor.spawn("airflow db clean", clean_command(before=before), environment, folder / "logs" / "clean.log", is_lasting=False)


def clean_command(*, before: datetime) -> list[str]:
    """The same as a command, for the Airflow that the environment names."""
    return _command("db", "clean", "--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes")


def _derived_keys(folder: Path) -> dict[str, str]:
    """Airflow's three keys, from one secret that is made once and kept with mode 0600."""
    secret = kept_secret(folder / "secret").encode()
    digests = {name: hmac.digest(secret, name.encode(), hashlib.sha256) for name in ("fernet", "session", "token")}
    return {name: base64.urlsafe_b64encode(digest).decode() for name, digest in digests.items()}


def _password_file(folder: Path) -> Path:
    """The simple auth manager's own format; written before Airflow would make it and print the password into a log."""
    path = folder / "passwords.json"
    if not path.exists():
        password = kept_secret(folder / "password")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({USER: password}, file)
    return path


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def free_port(wanted: int) -> int:
    """`wanted` where it is free, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise fail("airflow", "no port is free on 127.0.0.1")


def _migrate(supervisor: Supervisor, environment: Mapping[str, str], folder: Path, note: Callable[[str], None]) -> None:
    """Migrate Airflow's database, but only when it is new or Airflow has changed: it costs as much as starting."""
    stamp = folder / "migrated"
    version = importlib.metadata.version("apache-airflow-core")
    url = environment[CONNECTION].replace("postgresql+psycopg2", "postgresql", 1)
    if stamp.exists() and stamp.read_text() == f"{version} {_revision(url)}":
        return
    note("preparing Airflow's database")
    process = supervisor.spawn("airflow db migrate", _command("db", "migrate"), environment, folder / "logs" / "migrate.log")
    _wait_until_ended(supervisor, process)
    stamp.write_text(f"{version} {_revision(url)}")


def _revision(url: str) -> str | None:
    with psycopg.connect(url, connect_timeout=10) as connection:
        if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("select version_num from alembic_version").fetchone()
        return str(row[0]) if row else None


def _wait_until_ended(supervisor: Supervisor, process: Process) -> None:
    status = process.popen.wait()
    supervisor.processes.remove(process)  # it was meant to end; those that are left are not
    if status:
        raise fail(process.name, f"ended with status {status}", f"see {process.log_path}")


def _poll(supervisor: Supervisor, what: str, logs: Path) -> Iterator[None]:
    """Yields until the caller has what it waits for. Raises ShopkeeperError when a process dies, or it takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        yield
        time.sleep(0.2)
    raise fail("airflow", f"{what} took more than {START_SECONDS} s", f"see {logs}")


def _wait_until_healthy(there: Airflow, supervisor: Supervisor, more: list[str]) -> None:
    for _ in _poll(supervisor, "starting", there.logs):
        try:
            health = there.client.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):  # not listening yet
            continue
        if all((health.get(part) or {}).get("status") == "healthy" for part in ("metadatabase", "scheduler", "dag_processor", *more)):
            return


def _log_in(there: Airflow) -> None:
    password = json.loads(there.password_file.read_text())[there.user]
    token = there.post("/auth/token", {"username": there.user, "password": password})["access_token"]
    there.client.headers["Authorization"] = f"Bearer {token}"


def _make_pools(there: Airflow) -> None:
    for name, slots in POOLS.items():
        if there.client.get(f"/api/v2/pools/{name}").status_code == httpx.codes.NOT_FOUND:
            there.post("/api/v2/pools", {"name": name, "slots": slots, "description": "What may work on the warehouse at once"})


def _end_leftovers(there: Airflow, since: datetime, note: Callable[[str], None], states: list[str]) -> None:
    """End the runs from before `since` that a killed Airflow left unfinished: each DAG runs once at a time.

    Left alone they would hold up the next run for minutes, until their heartbeats are missed.
    """
    for run in there.get("/api/v2/dags/~/dagRuns", state=states, limit=100)["dag_runs"]:
        if datetime.fromisoformat(run["queued_at"] or run["start_date"]) >= since:
            continue
        note(f"ending {run['dag_id']}, which was left unfinished")
        there.patch(f"/api/v2/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}", {"state": "failed"})


def _wait_for_dags(there: Airflow, supervisor: Supervisor, since: datetime) -> None:
    """Wait until every DAG has been parsed since `since`: what an earlier start left in the database may be old code."""
    wanted = set(steps.dag_ids())
    for _ in _poll(supervisor, "reading the DAGs", there.logs):
        if errors := there.get("/api/v2/importErrors")["import_errors"]:
            last = [(error["filename"], error["stack_trace"].strip().splitlines()[-1]) for error in errors]
            raise ShopkeeperError([Problem(str(filename), line, "mend the DAG file") for filename, line in last])
        parsed = {dag["dag_id"]: dag["last_parsed_time"] for dag in there.get("/api/v2/dags", limit=100)["dags"]}
        if all(parsed.get(dag_id) and datetime.fromisoformat(parsed[dag_id]) >= since for dag_id in wanted):
            return
