"""Fixtures of the dbt tests: one warehouse and one dbt target folder per test file, because dbt parses anew for each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    """An empty company in UTC."""
    name = f"dbt_{os.getpid()}_{Path(request.path).stem}"
    server.create_database(name, template="migrated")
    before = os.environ.get("WAREHOUSE_URL")
    os.environ["WAREHOUSE_URL"] = server.url(name)
    engine = make_engine(server.url(name))
    yield World(engine, tmp_path_factory.mktemp("dbt"))
    engine.dispose()
    if before is None:
        del os.environ["WAREHOUSE_URL"]
    else:
        os.environ["WAREHOUSE_URL"] = before
