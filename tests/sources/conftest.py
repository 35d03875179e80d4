"""A company folder made for one test, and the questions that tests ask of the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load

COMPANY = {
    "name": "Test",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "scales": {
        "0-10": {"metric": "nps", "score_from": 0, "score_to": 10, "passive_from": 7, "promoter_from": 9},
        "1-5": {"metric": "stars", "score_from": 1, "score_to": 5, "passive_from": 4, "promoter_from": 5},
    },
}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

MakeFolder = Callable[..., CompanyFolder]


@pytest.fixture
def make_folder(tmp_path: Path, warehouse: sa.Engine) -> MakeFolder:
    """`make_folder(crm={"connection": …, "entities": …})` writes a company folder with those sources and loads it."""

    def make(**sources: Any) -> CompanyFolder:
        folder = tmp_path / "company"
        folder.mkdir(exist_ok=True)
        (folder / "company.yml").write_text(yaml.safe_dump(COMPANY))
        environ = {}
        for name, source in sources.items():
            if "connection" in source:  # passwords stay out of the file
                environ[f"{name.upper()}_URL"], source["connection"] = source["connection"], f"${{{name.upper()}_URL}}"
        (folder / "sources.yml").write_text(yaml.safe_dump(sources))
        return load(folder, environ=environ)

    return make


@pytest.fixture
def rows(warehouse: sa.Engine) -> Callable[[str], list[dict[str, Any]]]:
    """Rows of a query on the warehouse, as dicts."""

    def fetch(query: str) -> list[dict[str, Any]]:
        with warehouse.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(query)).mappings()]

    return fetch
