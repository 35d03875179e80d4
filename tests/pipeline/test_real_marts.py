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
    schemas = ("marts", "frontline")
    published = {f"{schema}.{name}" for schema in schemas for name in inspector.get_table_names(schema) if not name.startswith("_")}
    assert published == {suite.table for suite in read_suites().values() if suite.table.split(".")[0] in schemas}
    assert inspector.get_view_names("marts") == inspector.get_view_names("frontline") == []
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from marts.dim_products")) == 3
        assert connection.scalar(sa.text("select count(*) from marts.nps_by_segment")) == 0
        # a kept rule of the gate: every check of every mart left its evidence
        judged = connection.scalar(sa.text("select count(distinct suite) from quality.gate_results where build_id is not null"))
        # what the workshop's tables were made with, they kept through the rename; who may read follows the name
        readers = sa.text("""
            select relname, relrowsecurity and relforcerowsecurity as is_guarded, array(
                select role from unnest(array['bi_reader', 'cx_auditor', 'desk', 'frontline_manager']) as role
                where has_schema_privilege(role, relnamespace, 'usage') and has_table_privilege(role, pg_class.oid, 'select') order by 1
            ) as readers
            from pg_class where relkind = 'r' and relnamespace = 'frontline'::regnamespace order by 1
        """)
        frontline = connection.execute(readers).all()
    assert judged == len(published)
    assert [tuple(row) for row in frontline] == [
        (name, True, ["desk", "frontline_manager"]) for name in ("fct_employee_responses", "gaming_signals_by_employee", "nps_by_employee")
    ]

    build_docs(warehouse, now=NOW)
    page = sites.unpack(warehouse, "dbt_docs", tmp_path).read_text()
    assert "nps_by_segment" in page
    assert str(warehouse.url.password) not in page
