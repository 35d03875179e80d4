from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shopkeeper_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, whose embedded Postgres holds Airflow's database; swept at the end whatever the test did."""
    from shopkeeper.warehouse.embedded import default_server
    from shopkeeper.warehouse.supervisor import end

    with tempfile.TemporaryDirectory(prefix="shopkeeper-home-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        monkeypatch.setenv("SHOPKEEPER_HOME", folder)
        for name in list(os.environ):
            if name.startswith("AIRFLOW"):
                monkeypatch.delenv(name)
        yield home
        end(home)
        default_server().stop()


@pytest.fixture(autouse=True)
def _usual_signals() -> Iterator[None]:
    """A supervisor that a test left in the middle must not keep its signal handlers for the next test."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)
