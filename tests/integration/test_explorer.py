"""The explorer as a BI user meets it: Superset from its lock, the dashboards of the repository, the demo's marts, a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page
from tests.browser import browser
from tests.integration.conftest import Home
from tests.integration.explorer_pages import DASHBOARDS, ROOT, charts_on, log_in, open_dashboard

from shopkeeper.pipeline.orchestrator import free_port

pytestmark = [
    pytest.mark.explorer,
    pytest.mark.browser,
    pytest.mark.skipif(
        not os.environ.get("SHOPKEEPER_TEST_EXPLORER"),
        reason="NOT RUN: whether the dashboards open was not looked at. ./shopkeeper test --explorer installs Superset and looks",
    ),
]
START_SECONDS = 900
READER = ("reader", "what-readers-type")


@dataclass(frozen=True)
class Running:
    base: str
    folder: Path


@pytest.fixture(scope="module")
def explorer(home: Home, published: sa.Engine) -> Iterator[Running]:
    """`./shopkeeper explorer`, with a reader whom the admin let in as docs/explorer.md says."""
    base = f"http://127.0.0.1:{free_port(8088)}"
    argv = [sys.executable, "-m", "shopkeeper", "explorer", "--port", base.rpartition(":")[2]]
    said = home.folder / "explorer.log"
    with said.open("wb") as log:
        process = subprocess.Popen(argv, env=home.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C ends it" not in said.read_text():
            assert process.poll() is None, said.read_text()[-3000:]
            assert time.monotonic() < deadline, said.read_text()[-3000:]
            time.sleep(0.5)
        folder = home.folder / "explorer"
        let_in(folder)
        yield Running(base, folder)
    finally:
        process.terminate()
        process.wait(timeout=60)


def let_in(folder: Path) -> None:
    python = folder / "venv" / "bin"
    environment = {
        "PATH": f"{python}:{os.environ['PATH']}",
        "SUPERSET_CONFIG_PATH": str(ROOT / "explorer" / "superset_config.py"),
        "EXPLORER_HOME": str(folder),
        "EXPLORER_SECRET_KEY": (folder / "secret-key").read_text(),
        "EXPLORER_WAREHOUSE_URL_FILE": str(folder / "warehouse-url"),
    }
    name, password = READER
    who = ["--username", name, "--firstname", "A", "--lastname", "Reader", "--email", "reader@example.org", "--password", password]
    made = subprocess.run(
        ["superset", "fab", "create-user", "--role", "BI reader", *who], env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]


@pytest.fixture(scope="module")
def page(explorer: Running) -> Iterator[Page]:
    with browser() as chromium:
        yield log_in(chromium, explorer.base, *READER)


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_a_dashboard_opens_with_every_chart_drawn(page: Page, explorer: Running, published: sa.Engine, tmp_path: Path, slug: str) -> None:
    # A chart that asks for a column that is not there shows a red box to everybody but those who made it.
    answered: list[str] = []
    page.on("requestfinished", lambda request: answered.append(request.url))
    seen = open_dashboard(page, explorer.base, slug, tmp_path / f"{slug}.png")
    assert seen.wrong == []
    assert len(seen.rows) >= charts_on(DASHBOARDS[slug]), "a chart has asked for nothing"
    assert sum(seen.rows) > 0, "every chart is empty"
    assert DASHBOARDS[slug]["dashboard_title"] in seen.words
    assert [url for url in answered if not url.startswith((explorer.base, "data:", "blob:"))] == [], "somebody else was told who looks"
    if slug == "score":
        with published.connect() as connection:
            query = "select nps_low, nps_high from marts.nps_current where dimension = 'all' order by responses desc limit 1"
            now = connection.execute(sa.text(query)).one()
        assert f"{now.nps_low:.1f} to {now.nps_high:.1f}" in seen.words, "the score is not shown with its interval as it is in the marts"


@pytest.mark.parametrize(
    "question",
    [
        "select * from pii.customers",
        "select * from ops.work_orders",
        "select * from frontline.nps_by_employee",
        "delete from marts.nps_current",
    ],
)
def test_a_reader_cannot_ask_for_more_than_marts(page: Page, explorer: Running, question: str) -> None:
    # Whoever reads dashboards may type SQL. Names, addresses and single employees must not be a query away.
    token = page.request.get(f"{explorer.base}/api/v1/security/csrf_token/").json()["result"]
    headers = {"X-CSRFToken": token, "Referer": explorer.base}

    def ask(sql: str) -> int:
        asked = {"database_id": 1, "sql": sql, "runAsync": False, "client_id": f"t{time.monotonic_ns() % 10**9}"}
        return int(page.request.post(f"{explorer.base}/api/v1/sqllab/execute/", data=asked, headers=headers, timeout=60_000).status)

    assert ask("select count(*) from marts.nps_current") == 200, "nobody may ask anything: that proves nothing"
    assert ask(question) >= 400
