"""docker-compose.yml, where no Docker engine is: against the schema, and each command run natively."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import sqlalchemy as sa
import tiny
import yaml
from airflow_process import ROOT

from shopkeeper.pipeline.orchestrator import POOLS
from shopkeeper.survey.inbox import messages
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.programs import NEWEST, binaries, run_server_program
from shopkeeper.warehouse.tables import ENTITY_AVAILABILITY

TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {
    "POSTGRES_PASSWORD": "a1",
    "AIRFLOW_ADMIN_PASSWORD": "b2",
    "AIRFLOW_SECRET_KEY": "c3" * 24,
    "AIRFLOW_JWT_SECRET": "d4" * 24,
    "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(b"e" * 32).decode(),
    "SHOPKEEPER_LINK_KEYS": f"a:{'f6' * 16}",
    "SHOPKEEPER_DESK_KEYS": f"a:{'g7' * 16}",
    "EXPLORER_SECRET_KEY": "h8" * 24,
    "EXPLORER_PASSWORD": "i9",
}


def compose(settings: Mapping[str, str] = SETTINGS) -> dict[str, Any]:
    """The file with `${NAME}`, `${NAME:-default}` and `${NAME:?required}` filled in, and merge lists laid together."""

    def fill(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        value = settings.get(name, "")
        if not value and operator == ":?":
            raise KeyError(name)
        return value or (rest if operator == ":-" else "")

    filled = re.sub(r"(?<!\$)\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}", fill, TEXT)
    found: dict[str, Any] = yaml.safe_load(filled)
    return found


def test_the_file_keeps_to_the_compose_schema() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose())] == []
    broken = compose()
    broken["services"]["scheduler"]["comand"] = []
    assert list(validator.iter_errors(broken)), "the schema would let a misspelt key pass"


def test_nothing_starts_without_its_secrets() -> None:
    # A default password is the first thing that is tried.
    for name in SETTINGS:
        with pytest.raises(KeyError, match=name):
            compose({**SETTINGS, name: ""})
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in SETTINGS), "the example must not hold a secret"
    assert set(re.findall(r"\$\{(\w+)", TEXT)) - named == {"SHOPKEEPER_VERSION", "GIT_COMMIT"}


def test_the_survey_page_is_given_no_secret_of_the_warehouse() -> None:
    # It is the one service that strangers talk to: whoever breaks it must find nothing that opens the rest.
    page = compose()["services"]["survey-page"]
    assert "env_file" not in page
    given = json.dumps(page)
    assert not [name for name, secret in SETTINGS.items() if name != "SHOPKEEPER_LINK_KEYS" and secret in given]
    assert "airflow:" not in given


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_holds_what_the_services_need() -> None:
    copied = set(re.findall(r"^COPY .*?(\S+)$", DOCKERFILE, re.MULTILINE))
    assert {"include", "dags", "plugins", "dbt_project", "expectations"} <= copied
    sources = [source for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    admitted = (ROOT / ".dockerignore").read_text()
    assert [source for source in sources if f"!{source}\n" not in admitted] == [], "not admitted by .dockerignore"
    assert "USER shopkeeper" in DOCKERFILE
    # A volume takes its owner from the folder that it covers: without one it is root's, and airflow-init cannot write a login into it.
    mounted = {volume.split(":")[1] for service in compose()["services"].values() for volume in service.get("volumes", [])}
    owned = re.search(r"chown shopkeeper (.+)$", DOCKERFILE, re.MULTILINE)
    assert owned
    assert {place for place in mounted if place.startswith("/opt/")} == set(owned[1].split())


def test_the_dashboards_are_given_a_login_that_reads_and_nothing_else() -> None:
    # Everybody who may look at a chart may ask its server for SQL: what it cannot reach, nobody can draw out of it.
    service = compose()["services"]["explorer"]
    assert set(service["environment"]) == {"EXPLORER_SECRET_KEY", "EXPLORER_PASSWORD", "EXPLORER_WAREHOUSE_URL_FILE"}
    assert "--role bi_reader --login explorer_login > /opt/explorer/url" in compose()["services"]["airflow-init"]["command"][-1]
    image = (ROOT / "explorer" / "Dockerfile").read_text()
    copied = [source for line in re.findall(r"^COPY (.+)$", image, re.MULTILINE) for source in line.split()[:-1]]
    assert {"serve", "prepare.py", "superset_config.py", "assets", "requirements.txt"} == set(copied)
    assert [source for source in copied if not (ROOT / "explorer" / source).exists()] == []
    assert "explorer:/srv/explorer" in service["volumes"]
    assert "chown shopkeeper /srv/explorer" in image
    assert "USER shopkeeper" in image


# --- each command, natively ------------------------------------------------------------------------------------------


def image_environment() -> dict[str, str]:
    """What the Dockerfile's ENV says."""
    block = re.search(r"^ENV (.*?)\n\n", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert block
    return dict(re.findall(r"(\w+)=(\S+)", block[1]))


def resolved(value: str, native: Mapping[str, str]) -> str:
    for name, replacement in native.items():
        value = value.replace(name, replacement)
    return value.replace("$$", "$")


@pytest.fixture
def native(server: Server, shopkeeper_home: Path, tmp_path: Path) -> dict[str, str]:
    """What stands in natively for the containers' paths, hosts and ports."""
    for name in ("compose_warehouse", "compose_airflow"):
        server.create_database(name)
    url = sa.make_url(server.url("compose_warehouse"))
    tiny.make(tmp_path / "company")
    for name in ("airflow", "survey", "desk", "explorer", "mail"):
        (tmp_path / name).mkdir()
    with socket.socket() as one, socket.socket() as two, socket.socket() as three, socket.socket() as four:
        for probe in (one, two, three, four):
            probe.bind(("127.0.0.1", 0))
        port, page, smtp, desk = (str(probe.getsockname()[1]) for probe in (one, two, three, four))
    return {
        "shopkeeper:a1@postgres:5432/warehouse": f"shopkeeper:{url.password}@{url.host}:{url.port}/compose_warehouse",
        "shopkeeper:a1@postgres:5432/airflow": f"shopkeeper:{url.password}@{url.host}:{url.port}/compose_airflow",
        "api-server:": "127.0.0.1:",
        "//inbox:": "//127.0.0.1:",
        "0.0.0.0": "127.0.0.1",  # inside a container that is its own network; here it would be everybody's
        "8080": port,
        "8090": page,
        "8091": desk,
        "1025": smtp,
        "/opt/airflow": str(tmp_path / "airflow"),
        "/opt/survey": str(tmp_path / "survey"),
        "/opt/desk": str(tmp_path / "desk"),
        "/opt/explorer": str(tmp_path / "explorer"),
        "/opt/mail": str(tmp_path / "mail"),
        "/opt/shopkeeper": str(ROOT),
        "/company": str(tmp_path / "company"),
    }


def environment_of(service: Mapping[str, Any], native: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    said = {**image_environment(), **service["environment"]}
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    # What the image puts on the path: the package's own command among them.
    script = programs / "shopkeeper"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m shopkeeper "$@"\n')
    script.chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(tmp_path), **{name: resolved(str(value), native) for name, value in said.items()}}


@pytest.mark.scheduler
@pytest.mark.slow
def test_each_service_runs_natively(native: dict[str, str], server: Server, tmp_path: Path) -> None:
    services = compose()["services"]
    lasting = ("inbox", "api-server", "scheduler", "dag-processor", "triggerer", "watcher", "survey-page", "desk")
    assert set(services) == {"postgres", "airflow-init", "explorer", *lasting}  # the explorer: tests/integration/test_explorer.py

    def command(name: str) -> list[str]:
        return [resolved(part, native) for part in services[name]["command"]]

    init = subprocess.run(
        command("airflow-init"), env=environment_of(services["airflow-init"], native, tmp_path), capture_output=True, text=True, check=False
    )
    assert init.returncode == 0, init.stderr[-3000:]
    passwords = tmp_path / "airflow" / "passwords.json"
    assert json.loads(passwords.read_text()) == {"admin": "b2"}
    logins = {role: tmp_path / folder / "url" for role, folder in (("survey_page", "survey"), ("desk", "desk"), ("explorer", "explorer"))}
    for role, login in logins.items():
        assert login.read_text().startswith(f"postgresql://{role}_login:")
        assert (passwords.stat().st_mode | login.stat().st_mode) & 0o077 == 0
    with engine(server.url("compose_warehouse")).begin() as connection:
        assert connection.scalar(sa.text("select count(*) from ops.batches")) == 0
        connection.execute(sa.insert(ENTITY_AVAILABILITY).values(entity="revenue", is_mapped=True, sources="shop", rows_current=0))
    with (tmp_path / "company" / "company.yml").open("a") as settings:
        settings.write("freshness: {tell: [data@example.org], entity_hours: {revenue: 1}}\n")

    running = {}
    try:
        for name in lasting:
            log = (tmp_path / f"{name}.log").open("w")
            running[name] = subprocess.Popen(
                command(name), env=environment_of(services[name], native, tmp_path), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            ended = {name: process.poll() for name, process in running.items() if process.poll() is not None}
            assert not ended, {name: (tmp_path / f"{name}.log").read_text()[-2000:] for name in ended}
            if is_healthy(f"http://127.0.0.1:{native['8080']}"):
                break
            time.sleep(1)
        for name in ("api-server", "survey-page", "desk"):
            check = [resolved(part, native) for part in services[name]["healthcheck"]["test"]]
            assert check.pop(0) == "CMD"
            asked = subprocess.run(check, env=environment_of(services[name], native, tmp_path), check=False)
            assert asked.returncode == 0, name
        with smtplib.SMTP("127.0.0.1", int(native["1025"])) as catcher:
            catcher.sendmail("a@example.org", ["b@example.org"], b"Subject: caught\r\n\r\nby the inbox\r\n")
        # The watcher has told of the source that sends nothing, and has had Airflow clean up.
        while time.monotonic() < deadline and len([*messages(tmp_path / "mail" / "inbox")]) < 2:
            time.sleep(1)
        assert {mail["Subject"] for mail in messages(tmp_path / "mail" / "inbox")} == {"caught", "Corner shop: a source sends nothing new"}
        assert "ended with status" not in (tmp_path / "watcher.log").read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{native['8080']}", timeout=60) as client:
            token = client.post("/auth/token", json={"username": "admin", "password": "b2"}).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            assert [client.get(f"/api/v2/pools/{name}").json()["slots"] for name in POOLS] == list(POOLS.values())
    finally:
        for process in running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
        for process in running.values():
            process.wait(timeout=60)


def is_healthy(url: str) -> bool:
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=10).json()
    except (httpx.TransportError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor", "triggerer"))


def test_the_warehouse_service_runs_natively(server: Server, tmp_path: Path) -> None:
    service = compose()["services"]["postgres"]
    assert service["image"] == f"postgres:{NEWEST}", "the wheel holds another major version"
    program, *options = service["command"]
    assert program == "postgres"
    with tempfile.TemporaryDirectory(prefix="shopkeeper-compose-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        cluster = Server(Path(folder) / "cluster", is_disposable=True)
        cluster.start()
        port = str(sa.make_url(cluster.url("warehouse")).port)
        cluster.stop()
        here = ["-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        place = ["-D", str(cluster.data), "-w", "-t", "60"]
        status, said = run_server_program(NEWEST, "pg_ctl", *place, "-o", shlex.join([*options, *here]), "start")
        assert status == 0, said
        try:
            probe, *arguments = service["healthcheck"]["test"][1:]
            ready = subprocess.run([str(binaries() / probe), *arguments, "--host=127.0.0.1", f"--port={port}"], check=False)
            assert ready.returncode == 0
            with engine(cluster.url("warehouse")).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for option in options[1::2]:
                    name, value = option.split("=")
                    assert connection.scalar(sa.text(f"show {name}")) == value
                connection.execute(sa.text(compose()["configs"]["create-airflow-database"]["content"].replace("airflow", "made")))
        finally:
            cluster.stop()
