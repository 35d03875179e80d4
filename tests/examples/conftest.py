"""The examples run whole, once per session, where their data is present; SHOPKEEPER_REAL_DATA alone says where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopkeeper.company.load import load
from shopkeeper.pipeline.cycle import Order, run_without_airflow
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

EXAMPLES = Path(__file__).parents[2] / "examples"
VARIABLES = {"olist": "OLIST_DATA", "garden_centre": "GARDEN_CENTRE_DATA"}
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def published(
    server: Server, tmp_path_factory: pytest.TempPathFactory, real_data: Callable[[str], Path]
) -> Iterator[Callable[..., sa.Engine]]:
    """`published("olist", as_of=…)` runs the steps of the pipeline on an example in a warehouse of its own and returns its engine."""
    engines: dict[str, sa.Engine] = {}

    def publish(name: str, as_of: datetime | None = None) -> sa.Engine:
        if name not in engines:
            data = real_data(name)
            server.create_database(name, template="migrated")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(VARIABLES[name], str(data))
                patch.setenv("WAREHOUSE_URL", server.url(name))
                patch.setenv("SHOPKEEPER_HOME", str(tmp_path_factory.mktemp(f"home_{name}")))
                order = Order(dags=("ingest_sources", "build_marts"), as_of=as_of)
                run_without_airflow(load(EXAMPLES / name), order, lambda _: None, lambda: NOW)
            engines[name] = make_engine(server.url(name))
        return engines[name]

    yield publish
    for engine in engines.values():
        engine.dispose()
