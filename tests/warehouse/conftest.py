"""Fixtures: folders for servers that a test may kill."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopkeeper.warehouse.embedded import Server

MAJOR = int(os.environ.get("SHOPKEEPER_TEST_POSTGRES", "18"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may pass, unlike pytest's own. The server in `cluster` is stopped at the end."""
    made = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    made.chmod(0o755)
    yield made
    Server(made / "cluster", MAJOR).stop()
    shutil.rmtree(made)
