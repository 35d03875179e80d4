"""A company of one entity and a dbt project of two marts: small enough to build many times in a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopkeeper.company.config import Company, CompanyFolder
from shopkeeper.pipeline import analyses, dbt_runner
from shopkeeper.pipeline import build as build_module
from shopkeeper.quality import judge
from shopkeeper.warehouse.engine import engine

STANDIN = Path(__file__).parent / "standin"
MONDAY = datetime(2025, 3, 3, tzinfo=UTC)

Land = Callable[..., int]


@pytest.fixture(scope="session", autouse=True)
def dbt_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOPKEEPER_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def folder(tmp_path: Path) -> CompanyFolder:
    company = Company(name="Stand-in", timezone="Europe/Berlin", currency="EUR")
    return CompanyFolder(folder=tmp_path, company=company, sources={}, config_hash="one")


@pytest.fixture
def standin(tmp_path: Path) -> Path:
    """A folder with the stand-in's dbt project and its Great Expectations context."""
    copied = tmp_path / "standin"
    shutil.copytree(STANDIN / "dbt_project", copied / "dbt_project")
    shutil.copytree(STANDIN / "suites", copied / "expectations" / "suites")
    shutil.copy(judge.EXPECTATIONS / "great_expectations.yml", copied / "expectations")
    return copied


@pytest.fixture
def project(standin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in as the project that is built and hashed. It has none of the models that analyses read, so there are none."""
    monkeypatch.setattr(dbt_runner, "PROJECT", standin / "dbt_project")
    monkeypatch.setattr(build_module, "CODE", (standin / "dbt_project", standin / "expectations"))
    monkeypatch.setattr(analyses, "ANALYSES", {})
    return standin


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of dbt, for what comes after it: the stand-in's two marts by hand, in a few milliseconds."""

    def by_hand(engine: sa.Engine, part: dbt_runner.Part, **_: object) -> dbt_runner.Invocation:
        if part is dbt_runner.Part.AFTER_ANALYSES:
            return dbt_runner.Invocation("by hand", (), ())
        with engine.begin() as connection:
            connection.execute(
                sa.text("""
                    create table marts_next.dim_things as
                    select product_id, name, current_build.build_id as marker
                    from raw.products, ops.current_build
                    where _batch_id in (select batch_id from ops.build_batches where build_id = current_build.build_id)
                """)
            )
            connection.execute(
                sa.text("""
                    create table marts_next.count_of_things as
                    select build_id as marker, (select count(*) from marts_next.dim_things) as things from ops.current_build
                """)
            )
        return dbt_runner.Invocation("by hand", (), ())

    monkeypatch.setattr(dbt_runner, "build", by_hand)
    monkeypatch.setattr(analyses, "ANALYSES", {})


@pytest.fixture
def land(warehouse: sa.Engine) -> Iterator[Land]:
    """`land(3, "first")` puts a passed batch of three products into raw, loaded a day after the one before; returns its id."""
    days = 0

    def land(things: int, prefix: str, *, status: str = "passed") -> int:
        nonlocal days
        days += 1
        loaded = MONDAY + timedelta(days=days)
        with warehouse.begin() as connection:
            batch_id: int = connection.execute(
                sa.text("""
                    insert into ops.batches
                        (entity, source, kind, interval_start, interval_end, loaded_at, rows_in, accepted, unchanged, rejected, status)
                    values ('products', 'crm', 'window', :loaded - interval '1 day', :loaded, :loaded, :things, :things, 0, 0, :status)
                    returning batch_id
                """),
                {"loaded": loaded, "things": things, "status": status},
            ).scalar_one()
            connection.execute(
                sa.text("""
                    insert into raw.products
                        (_key, _batch_id, product_id, name, _source, _row_number, _row_hash, _loaded_at)
                    select
                        md5(:prefix || number)::uuid, :batch_id, :prefix || number, 'Thing ' || number,
                        'crm', number, md5(:prefix || number)::uuid, :loaded
                    from generate_series(1, :things) as number
                """),
                {"prefix": prefix, "batch_id": batch_id, "things": things, "loaded": loaded},
            )
        return batch_id

    yield land
    engine().dispose()
