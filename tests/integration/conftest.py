"""The sample company, small, run whole by the command line in a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

CUSTOMERS = 1_500
MARTS = """
select table_name from information_schema.tables where table_schema = 'marts' and table_type = 'BASE TABLE' order by table_name
"""


@dataclass(frozen=True)
class Home:
    """A home folder, and the command line in it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in ("WAREHOUSE_URL", "SHOPKEEPER_COMPANY")}
        return {**inherited, "SHOPKEEPER_HOME": str(self.folder), "COLUMNS": "200"}

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`./shopkeeper ARGUMENTS…`, to its end."""
        argv = [sys.executable, "-m", "shopkeeper", *arguments]
        environment = {**self.environment, **more}
        return subprocess.run(argv, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)

    def server(self) -> Server:
        return Server(self.folder / "warehouse")


def checksums(engine: sa.Engine) -> Mapping[str, str]:
    """Each mart's content as one md5, rows in order of their text: equal exactly when the marts are, byte for byte."""
    with engine.connect() as connection:
        names = connection.scalars(sa.text(MARTS)).all()
        query = 'select md5(string_agg(line, chr(10) order by line)) from (select mart::text as line from marts."{}" as mart) as lines'
        return {name: str(connection.scalar(sa.text(query.format(name)))) for name in names if not name.startswith("_applied")}


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """In a folder that everybody may pass, unlike pytest's own: the server's data lie there too, and go with it."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-demo-"))
    folder.chmod(0o755)
    yield Home(folder)
    Home(folder).server().stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def demo(home: Home) -> subprocess.CompletedProcess[str]:
    """What `./shopkeeper demo` said, run on a small company without a scheduler (which has tests of its own)."""
    return home.command("demo", "--customers", str(CUSTOMERS), "--no-airflow")


@pytest.fixture(scope="session")
def published(home: Home, demo: subprocess.CompletedProcess[str]) -> Iterator[sa.Engine]:
    """The demo's warehouse, running."""
    assert demo.returncode == 0, demo.stdout + demo.stderr
    started = home.command("db", "start")
    assert started.returncode == 0, started.stderr
    engine = make_engine(home.server().url("warehouse"))
    yield engine
    engine.dispose()
    home.command("db", "stop")
