"""Fixtures of the dbt tests: one warehouse per test file, under one name.

dbt parses the project anew for a database of another name, for 13 seconds of a processor: with one name, it does so once for all files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from world import World

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

NAME = "dbt"


@pytest.fixture(scope="session")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it has parsed."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def world(server: Server, dbt_folder: Path) -> Iterator[World]:
    """An empty company in UTC."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database if exists {NAME} with (force)")
    server.create_database(NAME, template="migrated")
    before = os.environ.get("WAREHOUSE_URL")
    os.environ["WAREHOUSE_URL"] = server.url(NAME)
    engine = make_engine(server.url(NAME))
    yield World(engine, dbt_folder)
    engine.dispose()
    if before is None:
        del os.environ["WAREHOUSE_URL"]
    else:
        os.environ["WAREHOUSE_URL"] = before
