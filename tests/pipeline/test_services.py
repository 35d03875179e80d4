"""The servers that go with the pipeline on one machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shopkeeper.company.load import SAMPLE
from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages.links import DESK_URL
from shopkeeper.pipeline import services
from shopkeeper.survey.links import SURVEY_URL
from shopkeeper.warehouse.supervisor import Supervisor


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Another program at the port that the page likes best; it answers 404 to whatever is asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        monkeypatch.setattr(services, "PAGE_PORT", other.server_port)
        yield other.server_port
        other.shutdown()


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SURVEY_URL, DESK_URL):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever the page sets
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("warehouse_url", "nothing_set")
def test_the_page_is_never_somebody_elses(somebody_else: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that lead to another program on the machine lose every answer, and nobody hears of it."""
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path))
    with Supervisor(tmp_path) as supervisor:
        page = services.start_survey_page(supervisor, SAMPLE)
        assert not page.rstrip("/").endswith(f":{somebody_else}")
        assert httpx.get(f"{page.rstrip('/')}/health").is_success


def test_an_address_that_was_promised_is_not_changed(somebody_else: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy another port would be one that nobody reaches."""
    monkeypatch.setenv(SURVEY_URL, "https://asks.example")
    with Supervisor(tmp_path) as supervisor, pytest.raises(ShopkeeperError, match=f"port {somebody_else}"):
        services.start_survey_page(supervisor, SAMPLE)
