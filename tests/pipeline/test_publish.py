"""Publishing: what must be so before, what readers see meanwhile, and what stays when something goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from building import run_dbt

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import GateFailed, ShopkeeperError
from shopkeeper.pipeline.build import find, freeze
from shopkeeper.pipeline.publish import Publication, publish
from shopkeeper.quality.gates import gate_publication
from shopkeeper.warehouse import roles

NOW = datetime(2025, 4, 1, tzinfo=UTC)
Land = Callable[..., int]


def rows(engine: sa.Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), values)]


def run(engine: sa.Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


@pytest.fixture
def make(warehouse: sa.Engine, folder: CompanyFolder, project: Path) -> Callable[[], int]:
    """Everything up to, and without, publishing; returns the build's id."""

    def make() -> int:
        # each publication is marked as a whole: a full refresh, so that every row carries the marker of its build
        build = freeze(folder, full_refresh=True, now=NOW)
        run_dbt(build)
        gate_publication(warehouse, build.build_id, NOW, project / "expectations")
        return build.build_id

    return make


@contextmanager
def reader(url: str, isolation: str) -> Iterator[Callable[[], dict[str, Any]]]:
    script = Path(__file__).with_name("readers.py")
    process = subprocess.Popen(
        [sys.executable, str(script), url, isolation], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def end() -> dict[str, Any]:
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    try:
        yield end
    finally:
        process.kill()
        process.wait()


def publish_in_thread(build_id: int, **options: Any) -> tuple[threading.Thread, list[Any]]:
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(publish(build_id, NOW, **options))
        except ShopkeeperError as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, outcome


@pytest.mark.slow
def test_readers_see_one_publication_or_the_other(  # noqa: PLR0917
    warehouse: sa.Engine, warehouse_url: str, folder: CompanyFolder, land: Land, project: Path, make: Callable[[], int]
) -> None:
    # A dashboard that shows March's score beside April's customers is worse than one that is an hour old.
    land(2, "a")
    first = make()
    publish(first, NOW)
    with (
        reader(warehouse_url, "read committed") as committed,
        reader(warehouse_url, "repeatable read") as repeatable,
        psycopg.connect(warehouse_url) as held,
        psycopg.connect(warehouse_url) as older,
    ):
        # one has a transaction open and has read a mart, one has an old snapshot and has read none yet
        assert held.execute("select marker from marts.dim_things").fetchone() == (first,)
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        older.execute("select 1")

        land(2, "b")
        run(warehouse, "update raw.products set name = null where product_id = 'b1'")
        failing = freeze(folder, full_refresh=True, now=NOW)
        run_dbt(failing)
        with pytest.raises(GateFailed, match="Every thing has a name"):
            gate_publication(warehouse, failing.build_id, NOW, project / "expectations")
        with pytest.raises(ShopkeeperError, match="failed its gate"):
            publish(failing.build_id, NOW)

        run(warehouse, "update raw.products set name = 'mended' where product_id = 'b1'")
        second = make()
        thread, outcome = publish_in_thread(second, wait_seconds=60)
        time.sleep(1.5)
        assert thread.is_alive(), "published over the head of an open reader"
        assert held.execute("select marker from marts.count_of_things").fetchone() == (first,)
        held.rollback()
        time.sleep(1.5)
        assert thread.is_alive(), "published although a snapshot older than the new tables would find them empty"
        assert older.execute("select count(*), min(marker) from marts.dim_things").fetchone() == (2, first)
        older.rollback()
        thread.join(30)
        assert isinstance(outcome[0], Publication), outcome
        assert held.execute("select marker from marts.count_of_things").fetchone() == (second,)
        time.sleep(0.5)
        found = [committed(), repeatable()]
    for one in found:
        assert one["mixed"] == []
        assert one["seen"] == [first, second]
        assert one["reads"] > 100
        assert one["longest"] < 3, "readers stood still while publishing waited"
    assert rows(warehouse, "select marker from marts_next.count_of_things") == [(first,)]


@pytest.mark.usefixtures("quick")
def test_a_reader_who_does_not_end_is_named_and_nothing_changes(
    warehouse: sa.Engine, warehouse_url: str, land: Land, make: Callable[[], int]
) -> None:
    land(1, "a")
    first = make()
    publish(first, NOW)
    second = make()
    with psycopg.connect(warehouse_url, application_name="a dashboard") as held:
        held.execute("select marker from marts.dim_things")
        with pytest.raises(ShopkeeperError, match=rf"process {held.info.backend_pid} \(shopkeeper, a dashboard"):
            publish(second, NOW, wait_seconds=0.5)
    assert rows(warehouse, "select marker from marts.count_of_things") == [(first,)]
    assert publish(second, NOW).build_id == second  # it is still ready


@pytest.mark.usefixtures("quick")
def test_publishing_records_what_it_published_and_only_once(
    warehouse: sa.Engine, folder: CompanyFolder, land: Land, make: Callable[[], int]
) -> None:
    land(1, "a")
    build_id = make()
    done = publish(build_id, NOW, run_id="a run")
    assert publish(build_id, NOW + timedelta(days=1)) == done
    kept = rows(warehouse, "select build_id, as_of, run_id, gates_passed, gates_warned, published_at from quality.publications")
    assert kept == [(build_id, done.as_of, "a run", 2, 0, NOW)]
    assert find(build_id).status == "published"
    with pytest.raises(ShopkeeperError, match="is published"):
        run_dbt(find(build_id))


@pytest.mark.usefixtures("quick")
def test_only_a_judged_and_complete_current_build_is_published(
    warehouse: sa.Engine, folder: CompanyFolder, land: Land, project: Path
) -> None:
    land(1, "a")
    build = freeze(folder, now=NOW)
    with pytest.raises(ShopkeeperError, match="is frozen, and marts_next does not hold all of it"):
        publish(build.build_id, NOW)
    with pytest.raises(ShopkeeperError, match="nothing to judge"):
        gate_publication(warehouse, build.build_id, NOW, project / "expectations")
    run_dbt(build)
    with pytest.raises(ShopkeeperError, match="has not been judged"):
        publish(build.build_id, NOW)
    gate_publication(warehouse, build.build_id, NOW, project / "expectations")
    run(warehouse, "update ops.batches set status = 'withdrawn'")
    with pytest.raises(ShopkeeperError, match="withdrawn since: batch 1"):
        publish(build.build_id, NOW)
    run(warehouse, "update ops.batches set status = 'passed'")
    run(warehouse, "update marts_next._applied_state set is_complete = false")
    with pytest.raises(ShopkeeperError, match="does not hold all of it"):
        publish(build.build_id, NOW)
    freeze(folder, now=NOW)
    with pytest.raises(ShopkeeperError, match="no longer the current one"):
        publish(build.build_id, NOW)
    with pytest.raises(ShopkeeperError, match="no such build"):
        publish(99, NOW)


@pytest.mark.usefixtures("quick")
def test_rights_follow_the_name(warehouse: sa.Engine, warehouse_url: str, land: Land, make: Callable[[], int]) -> None:
    land(1, "a")
    publish(make(), NOW)
    publish(make(), NOW)
    password = roles.create_login(warehouse, f"ada_{sa.make_url(warehouse_url).database}", "bi_reader")
    url = sa.make_url(warehouse_url).set(username=f"ada_{sa.make_url(warehouse_url).database}", password=password)
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as ada:
        assert ada.execute("select things from marts.count_of_things").fetchone() == (1,)
        for closed in ("marts_next.count_of_things", "marts._applied", "raw.products", "quality.publications"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ada.execute(f"select * from {closed}")


@pytest.mark.usefixtures("quick")
def test_a_view_that_somebody_builds_upon_marts_is_reported_and_does_not_stop_publishing(
    warehouse: sa.Engine, land: Land, make: Callable[[], int]
) -> None:
    # It follows its table, not the name: after a swap it shows the old figures, and a rebuild drops it.
    land(1, "a")
    first = make()
    publish(first, NOW)
    run(warehouse, "create schema own; create view own.favourite as select * from marts.count_of_things")
    said: list[str] = []
    second = make()
    assert publish(second, NOW, note=said.append).dependents == ("own.favourite",)
    assert "own.favourite is built upon marts" in said[0]
    assert rows(warehouse, "select marker from own.favourite") == [(first,)]
    make()
    assert rows(warehouse, "select to_regclass('own.favourite')") == [(None,)]
