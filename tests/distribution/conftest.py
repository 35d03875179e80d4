"""A published company of sixty employees, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.distribution import published

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

EMPLOYEES = 60


@pytest.fixture(scope="session")
def shared(server: Server) -> Iterator[sa.Engine]:
    """One published company, for tests that leave it as it is or take care of what they add."""
    server.create_database("published", template="migrated")
    engine = make_engine(server.url("published"))
    with engine.begin() as connection:
        published.fill(connection, employees=EMPLOYEES)
    yield engine
    engine.dispose()


@pytest.fixture
def company(tmp_path: Path) -> CompanyFolder:
    """Brunnenhof's settings without its sources: five working days, and the policies of this folder."""
    (tmp_path / "company.yml").write_text("name: Brunnenhof & Söhne\ntimezone: Europe/Berlin\ncurrency: EUR\n")
    (tmp_path / "sources.yml").write_text("{}\n")
    (tmp_path / "closed_loop.yml").write_text("calendar: {holidays: [2026-03-06]}\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "call-back.md").write_text(
        "---\ntitle: We call back\nanswers: {theme: nobody called}\n---\n\n"
        "Within **a day**, also in Größenordnung. <script>alert(1)</script> [x](javascript:alert(1))\n"
    )
    return load(tmp_path, environ={})
