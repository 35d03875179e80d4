"""Freezing and building: what is fixed first, and what decides between adding to the tables and making them anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from building import run_dbt

from shopkeeper.company.config import Company, CompanyFolder, Mapping, Source
from shopkeeper.errors import ShopkeeperError
from shopkeeper.pipeline import dbt_runner
from shopkeeper.pipeline.build import Build, find, freeze
from shopkeeper.warehouse import locks

NOW = datetime(2025, 4, 1, tzinfo=UTC)
Land = Callable[..., int]


def rows(engine: sa.Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), values)]


def run(engine: sa.Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def frozen(engine: sa.Engine, build: Build) -> set[int]:
    return {row[0] for row in rows(engine, "select batch_id from ops.build_batches where build_id = :id", id=build.build_id)}


# --- freezing --------------------------------------------------------------------------------------------------------


def test_without_a_passed_batch_there_is_nothing_to_build(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    land(2, "a", status="failed")
    with pytest.raises(ShopkeeperError, match="no batch has passed its gate"):
        freeze(folder, now=NOW)
    assert rows(warehouse, "select * from ops.builds") == []


def test_clocks_default_to_the_newest_interval_end_and_the_newest_load(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    first, waived = land(1, "a"), land(1, "b", status="waived")
    land(1, "late and failed", status="failed")
    build = freeze(folder, now=NOW)
    (end, loaded), *_ = rows(warehouse, "select interval_end, loaded_at from ops.batches where batch_id = :id", id=waived)
    assert (build.as_of, build.known_at) == (end, loaded)
    assert frozen(warehouse, build) == {first, waived}


def test_an_old_known_at_leaves_out_what_was_loaded_since(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    # A past report made again must not know what nobody knew then.
    first = land(1, "a")
    (loaded,), *_ = rows(warehouse, "select loaded_at from ops.batches")
    land(1, "b")
    build = freeze(folder, known_at=loaded, now=NOW)
    assert frozen(warehouse, build) == {first}
    assert build.as_of == loaded
    with pytest.raises(ShopkeeperError, match="by 2020"):
        freeze(folder, known_at=datetime(2020, 1, 1, tzinfo=UTC), now=NOW)


def test_a_moment_without_a_timezone_is_refused(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    land(1, "a")
    with pytest.raises(ShopkeeperError, match="no timezone"):
        freeze(folder, as_of=datetime(2025, 3, 1), now=NOW)  # noqa: DTZ001


def test_models_find_both_clocks_and_the_settings_in_tables(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    land(1, "a")
    company = Company(
        name="Stand-in",
        timezone="Europe/Berlin",
        currency="EUR",
        exchange_rates={"USD": {date(2025, 1, 1): Decimal("0.9")}},
    )
    # 23:30 in UTC is already the next day in Berlin
    freeze(folder.model_copy(update={"company": company}), as_of=datetime(2025, 3, 5, 23, 30, tzinfo=UTC), now=NOW)
    current = rows(warehouse, "select as_of_on, company_timezone, company_currency, hidden_below, indicative_below from ops.current_build")
    assert current == [(date(2025, 3, 6), "Europe/Berlin", "EUR", 10, 30)]
    assert rows(warehouse, "select * from ops.scales") == [("0-10", "nps", 0, 10, 7, 9)]
    assert rows(warehouse, "select * from ops.exchange_rates") == [("USD", date(2025, 1, 1), Decimal("0.9"))]
    assert rows(warehouse, "select name, lower_bound, upper_bound from ops.bands where kind = 'tenure' order by position") == [
        ("under 1 year", None, 365),
        ("1 to 3 years", 365, 1096),
        ("over 3 years", 1096, None),
    ]


def test_freezing_again_abandons_the_build_before(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    land(1, "a")
    first, second = freeze(folder, now=NOW), freeze(folder, now=NOW)
    assert find(first.build_id).status == "abandoned"
    assert rows(warehouse, "select build_id from ops.current_build") == [(second.build_id,)]
    with pytest.raises(ShopkeeperError, match=f"build {second.build_id} was frozen after it"):
        run_dbt(first)


def test_availability_counts_what_is_there_now(warehouse: sa.Engine, folder: CompanyFolder, land: Land) -> None:
    batch = land(3, "a")
    # one thing has left the source's snapshot since, one has left and come back
    for key, day, is_deleted in (("a1", 1, True), ("a2", 1, True), ("a2", 2, False)):
        later = land(0, "nothing")
        run(
            warehouse,
            """
            insert into raw.products
            select _key, :later, product_id, name, category, updated_at, _source, _row_number, _flags, :is_deleted,
                _row_hash, _loaded_at + :day * interval '1 day'
            from raw.products where product_id = :key and _batch_id = :batch
            """,
            later=later,
            key=key,
            day=day,
            is_deleted=is_deleted,
            batch=batch,
        )
    mapped = folder.model_copy(update={"sources": {"crm": Source(connection="sqlite://", entities={"products": Mapping(table="p")})}})
    freeze(mapped, now=NOW)
    query = "select is_mapped, sources, rows_current from quality.entity_availability where entity = :entity"
    assert rows(warehouse, query, entity="products") == [(True, "crm", 2)]
    assert rows(warehouse, query, entity="customers") == [(False, "", 0)]
    assert rows(warehouse, "select count(*) from quality.entity_availability") == [(18,)]


# --- building --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_build_adds_to_complete_tables_and_makes_doubtful_ones_anew(
    warehouse: sa.Engine, folder: CompanyFolder, land: Land, project: Path
) -> None:
    land(2, "a")
    first = freeze(folder, now=NOW)
    assert first.why_full_refresh == "nothing has been built here yet"
    assert run_dbt(first) == {"build_id": first.build_id, "full_refresh": True, "models": 1, "tests": 1}
    assert find(first.build_id).status == "built"
    assert rows(warehouse, "select things from marts_next.count_of_things") == [(2,)]

    second_batch = land(3, "b")
    second = freeze(folder, now=NOW)
    assert not second.is_full_refresh
    run(warehouse, "create table marts_next.left_from_an_older_version ()")
    run_dbt(second)
    assert rows(warehouse, "select things from marts_next.count_of_things") == [(5,)]
    assert rows(warehouse, "select count(*) from marts_next._applied") == [(2,)]
    assert rows(warehouse, "select is_complete, as_of from marts_next._applied_state") == [(True, second.as_of)]
    assert {row[0] for row in rows(warehouse, "select status from quality.dbt_results")} == {"success", "pass"}

    # each of these makes the tables doubtful
    assert freeze(folder, now=NOW).why_full_refresh is None
    assert freeze(folder, full_refresh=True, now=NOW).why_full_refresh == "asked for"
    assert "as_of lies before" in str(freeze(folder, as_of=NOW - timedelta(days=365), now=NOW).why_full_refresh)
    assert "configuration" in str(freeze(folder.model_copy(update={"config_hash": "two"}), now=NOW).why_full_refresh)
    model = project / "dbt_project" / "models" / "count_of_things.sql"
    model.write_text(model.read_text() + "-- changed\n")
    assert "models or expectations" in str(freeze(folder, now=NOW).why_full_refresh)
    model.write_text(model.read_text().removesuffix("-- changed\n"))
    run(warehouse, "update ops.batches set status = 'withdrawn' where batch_id = :id", id=second_batch)
    withdrawn = freeze(folder, now=NOW)
    assert "1 of the batches" in str(withdrawn.why_full_refresh)

    run_dbt(withdrawn)
    assert rows(warehouse, "select things from marts_next.count_of_things") == [(2,)]
    assert rows(warehouse, "select to_regclass('marts_next.left_from_an_older_version')") == [(None,)]


@pytest.mark.slow
def test_a_failed_model_or_test_fails_the_build_in_words(warehouse: sa.Engine, folder: CompanyFolder, land: Land, project: Path) -> None:
    land(2, "a")
    run(warehouse, "update raw.products set product_id = null where product_id = 'a1'")
    build = freeze(folder, now=NOW)
    with pytest.raises(ShopkeeperError) as failed:
        run_dbt(build)
    assert "1 rows break this rule" in str(failed.value)
    assert "Traceback" not in str(failed.value)
    assert find(build.build_id).status == "failed"
    assert rows(warehouse, "select count(*) from marts_next._applied_state") == [(0,)]
    kept = rows(warehouse, "select resource_type, status from quality.dbt_results where status = 'fail'")
    assert kept == [("test", "fail")]

    # the cause is mended: the same build may be tried again, as a task's retry does
    run(warehouse, "update raw.products set product_id = 'a1' where product_id is null")
    run_dbt(build)
    assert find(build.build_id).status == "built"

    broken = project / "dbt_project" / "models" / "broken.sql"
    broken.write_text("select product_id::int as number from {{ ref('dim_things') }}")
    with pytest.raises(ShopkeeperError) as failed:
        run_dbt(freeze(folder, now=NOW))
    assert "broken" in str(failed.value)
    assert "invalid input syntax" in str(failed.value)
    assert '"a1"' not in str(failed.value) + str(rows(warehouse, "select message from quality.dbt_results"))

    broken.write_text("select {{ ref('nowhere') }}")
    with pytest.raises(ShopkeeperError, match="nowhere"):
        run_dbt(freeze(folder, now=NOW))


@pytest.mark.slow
def test_an_attempt_that_ended_half_way_is_made_anew(warehouse: sa.Engine, folder: CompanyFolder, land: Land, project: Path) -> None:
    land(2, "a")
    run_dbt(freeze(folder, now=NOW))
    build = freeze(folder, now=NOW)
    assert not build.is_full_refresh
    run(warehouse, "update marts_next._applied_state set is_complete = false")  # what a kill -9 of dbt leaves
    assert run_dbt(build)["full_refresh"]
    assert find(build.build_id).why_full_refresh == "an earlier attempt ended half way"


def test_two_runs_at_once_are_told_apart(warehouse: sa.Engine, folder: CompanyFolder, land: Land, project: Path) -> None:
    land(1, "a")
    build = freeze(folder, now=NOW)
    outcome: list[str] = []

    def second() -> None:
        try:
            freeze(folder, now=NOW)
        except ShopkeeperError as error:
            outcome.append(str(error))

    with locks.exclusive(warehouse, locks.MARTS):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        with pytest.raises(ShopkeeperError, match="another run is at work"):
            run_dbt(build)
    assert "another run is at work" in outcome[0]


# --- what dbt wrote --------------------------------------------------------------------------------------------------


def results(*nodes: tuple[str, str], invocation: str = "this") -> dict[str, Any]:
    return {
        "metadata": {"invocation_id": invocation},
        "results": [{"unique_id": name, "status": status, "execution_time": 0.1, "message": None} for name, status in nodes],
    }


FIRST = dbt_runner.Part.BEFORE_ANALYSES


def manifest(*nodes: str, invocation: str = "this", reads_analysis: str = "model.z") -> dict[str, Any]:
    return {
        "metadata": {"invocation_id": invocation},
        "sources": {"source.fits": {"schema": "analysis"}, "source.raw": {"schema": "raw"}},
        "child_map": {"source.fits": [reads_analysis], reads_analysis: ["model.after"], "source.raw": ["model.a"]},
        "nodes": {
            name: {"resource_type": name.split(".")[0], "config": {}, "original_file_path": "models/x.sql", "name": name} for name in nodes
        },
    }


def test_results_of_another_run_are_not_believed() -> None:
    # After a kill, dbt's folder holds the last good run's results; taking them for ours would publish half-built tables.
    with pytest.raises(ShopkeeperError, match="another run"):
        dbt_runner.judge(results(("model.a", "success"), invocation="before"), manifest("model.a"), "this", FIRST)


def test_a_node_that_did_not_run_is_a_failure() -> None:
    done = dbt_runner.judge(results(("model.a", "success")), manifest("model.a", "model.b"), "this", FIRST)
    assert [problem.what for problem in done.problems] == ["did not run"]
    assert not dbt_runner.judge(results(("model.a", "success")), manifest("model.a"), "this", FIRST).problems


def test_each_part_answers_for_its_own_nodes() -> None:
    # A model that reads analyses and is held against the first part would fail every build; one held against neither may be missing.
    whole = manifest("model.a", "model.z", "model.after")
    assert not dbt_runner.judge(results(("model.a", "success")), whole, "this", FIRST).problems
    done = dbt_runner.judge(results(("model.z", "success")), whole, "this", dbt_runner.Part.AFTER_ANALYSES)
    assert [(problem.where, problem.what) for problem in done.problems] == [("dbt › models/x.sql › model.after", "did not run")]


def test_only_causes_are_named_not_what_was_skipped_after_them() -> None:
    done = dbt_runner.judge(results(("model.a", "error"), ("model.b", "skipped")), manifest("model.a", "model.b"), "this", FIRST)
    assert len(done.problems) == 1
    assert "model.a" in done.problems[0].where
