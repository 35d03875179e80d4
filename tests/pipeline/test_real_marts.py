"""The real marts through the real gate: with next to nothing in them, as on a company's first day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from building import run_dbt

from shopkeeper.company.config import CompanyFolder
from shopkeeper.pipeline.build import freeze
from shopkeeper.pipeline.dbt_runner import build_docs
from shopkeeper.pipeline.publish import publish
from shopkeeper.quality import sites
from shopkeeper.quality.gates import gate_publication
from shopkeeper.quality.judge import read_suites

NOW = datetime(2025, 4, 1, tzinfo=UTC)


@pytest.mark.slow
def test_a_company_with_products_alone_is_published_and_nothing_depends_on_its_marts(
    warehouse: sa.Engine, folder: CompanyFolder, land: Callable[..., int], tmp_path: Path
) -> None:
    land(3, "a")
    build = freeze(folder, now=NOW)
    run_dbt(build)
    assert gate_publication(warehouse, build.build_id, NOW).warnings == 0
    assert publish(build.build_id, NOW).dependents == (), "what is built upon a mart follows the table, not the name"
    inspector = sa.inspect(warehouse)
    published = {f"marts.{name}" for name in inspector.get_table_names("marts") if not name.startswith("_")}
    assert published == {suite.table for suite in read_suites().values() if suite.table.startswith("marts.")}
    assert inspector.get_view_names("marts") == []
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from marts.dim_products")) == 3
        assert connection.scalar(sa.text("select count(*) from marts.nps_by_segment")) == 0
        # a kept rule of the gate: every check of every mart left its evidence
        judged = connection.scalar(sa.text("select count(distinct suite) from quality.gate_results where build_id is not null"))
    assert judged == len(published)

    build_docs(warehouse, now=NOW)
    page = sites.unpack(warehouse, "dbt_docs", tmp_path).read_text()
    assert "nps_by_segment" in page
    assert str(warehouse.url.password) not in page
