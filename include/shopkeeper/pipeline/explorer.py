"""The explorer: Apache Superset over the marts, on this machine, in an environment of its own.

Superset pins libraries that the pipeline has newer, so it shares no environment with it. What it shows and who may look is in the folder
`explorer` of the checkout; docker-compose.yml runs the same files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.pipeline.orchestrator import HOST
from shopkeeper.warehouse.embedded import home, kept_secret
from shopkeeper.warehouse.engine import engine, warehouse_url
from shopkeeper.warehouse.roles import create_login
from shopkeeper.warehouse.supervisor import Supervisor

FILES = Path(__file__).resolve().parents[3] / "explorer"
LOGIN = "explorer_login"
START_SECONDS = 300


@dataclass(frozen=True)
class Explorer:
    """Where it listens, and who may log in first."""

    url: str
    user: str
    password_file: Path


def install(note: Callable[[str], None]) -> Path:
    """The environment of the lock explorer/requirements.txt, made where it is not there; returns its python.

    Raises ShopkeeperError where the files are not there, as in an installed package, or the install fails: with what pip's registry said.
    """
    lock = FILES / "requirements.txt"
    if not lock.exists():
        raise fail("explorer", f"its files are not at {FILES}", "run ./shopkeeper explorer from a checkout, or docker compose up")
    venv = home() / "explorer" / "venv"
    python, mark = venv / "bin" / "python", venv / "installed"
    stamp = f"{venv} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if mark.exists() and mark.read_text() == stamp:
        return python
    note("installing Superset (once; half a minute to three)")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise fail("explorer", "uv, which installs Superset, is not found", "run it as ./shopkeeper explorer, which brings one")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            hint = "is the package index reachable? What has no wheel here is built, by build-essential and python3-dev"
            raise fail("explorer", f"Superset could not be installed:\n{done.stderr.strip()[-2000:]}", hint)
    mark.write_text(stamp)  # last, so that a broken-off install is made again
    return python


def settings(folder: Path) -> dict[str, str]:
    """The environment that Superset runs in: its files in `folder`, with a login that may read marts and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    login = folder / "warehouse-url"
    login.touch(mode=0o600)
    url = sa.make_url(warehouse_url()).set(username=LOGIN, password=create_login(engine(), LOGIN, "bi_reader"))
    login.write_text(url.render_as_string(hide_password=False))
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ")}
    return {
        **kept,
        "SUPERSET_CONFIG_PATH": str(FILES / "superset_config.py"),
        "SUPERSET_HOME": str(folder),
        "EXPLORER_HOME": str(folder),
        "EXPLORER_SECRET_KEY": kept_secret(folder / "secret-key"),
        "EXPLORER_PASSWORD": kept_secret(folder / "password"),
        "EXPLORER_WAREHOUSE_URL_FILE": str(login),
        "PYTHONWARNINGS": "ignore",
    }


def start(supervisor: Supervisor, *, port: int, note: Callable[[str], None]) -> Explorer:
    """Install what is missing, bring every dashboard to what the files say, and serve them at 127.0.0.1.

    Raises ShopkeeperError where the port is taken, or Superset does not come up: then its log says why.
    """
    python = install(note)
    folder = home() / "explorer"
    environment = settings(folder) | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    log = home() / "logs" / "explorer.log"
    note("bringing the dashboards up to date, and starting Superset")
    supervisor.spawn("explorer", [str(FILES / "serve"), HOST, str(port)], environment, log)
    here = f"http://{HOST}:{port}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        with suppress(httpx.HTTPError):
            if httpx.get(f"{here}/health", timeout=5).is_success:
                return Explorer(f"{here}/dashboard/list/", "admin", folder / "password")
        time.sleep(0.3)
    raise fail("explorer", f"does not answer after {START_SECONDS} s", f"see {log}")
