"""A past report made again: it knows what was known, changes nothing that is published, and leaves the next build nothing half-done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from building import COMPANY, run_dbt

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import GateFailed, ShopkeeperError, fail
from shopkeeper.pipeline import past_report
from shopkeeper.pipeline.build import Build, freeze
from shopkeeper.pipeline.past_report import PastReport, make_again
from shopkeeper.pipeline.publish import publish
from shopkeeper.quality import sites
from shopkeeper.quality.report import Marts
from shopkeeper.warehouse.tables import CURRENT_BUILD, ENTITY_AVAILABILITY, GATE_RESULTS

NOW = datetime(2025, 4, 1, tzinfo=UTC)
Land = Callable[..., int]


@pytest.fixture
def things(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that tells which things are in the marts that it is given; and a gate that has nothing to say."""

    def report(engine: sa.Engine, company: str, marts: Marts | None = None) -> bytes:
        assert marts is not None
        with engine.connect() as connection:
            names = connection.scalars(sa.text(f"select product_id from {marts.schema}.dim_things order by 1")).all()
        return sites.one_page(json.dumps({"company": company, "publication": marts.publication_id, "things": list(names)}))

    monkeypatch.setattr(past_report, "build_report", report)
    monkeypatch.setattr(past_report, "gate_publication", lambda *_, **__: None)


def published(warehouse: sa.Engine, folder: CompanyFolder) -> tuple[Build, int]:
    """A build, published with a report that is kept."""
    build = freeze(folder, now=NOW)
    run_dbt(build)
    with warehouse.begin() as connection:
        row = {"subject": "publication", "build_id": build.build_id, "suite": "s", "expectation": "e", "description": "d"}
        connection.execute(sa.insert(GATE_RESULTS).values(**row, severity="critical", succeeded=True, checked_at=NOW))
    done = publish(build.build_id, NOW)
    content = past_report.build_report(warehouse, folder.company.name, Marts("marts", build.build_id, done.publication_id))
    sites.store(warehouse, "report", content, now=NOW, publication_id=done.publication_id)
    return build, done.publication_id


def again(folder: CompanyFolder, **asked: Any) -> PastReport:
    return make_again(folder, now=NOW + timedelta(days=9), note=lambda _: None, **asked)


def state(warehouse: sa.Engine) -> dict[str, Any]:
    """What readers and other steps see."""
    with warehouse.connect() as connection:
        return {
            "marts": connection.execute(sa.text("table marts.dim_things")).all(),
            "publications": connection.execute(sa.text("table quality.publications")).all(),
            **{table.name: connection.execute(sa.select(table)).all() for table in (CURRENT_BUILD, ENTITY_AVAILABILITY)},
        }


def batch_status(warehouse: sa.Engine, batch_id: int, status: str) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text("update ops.batches set status = :status where batch_id = :id"), {"status": status, "id": batch_id})


@pytest.mark.usefixtures("things")
def test_a_report_made_again_reads_what_was_read_then_and_nothing_else_changes(
    warehouse: sa.Engine, folder: CompanyFolder, land: Land
) -> None:
    # An auditor asks for the March report in May. Since then a batch was withdrawn, one waived that had failed, and more has landed:
    # by the clocks alone the report would be one that nobody ever saw.
    bad, failed = land(2, "a"), land(1, "b", status="failed")
    land(1, "c")
    first, publication_id = published(warehouse, folder)
    batch_status(warehouse, bad, "withdrawn")
    batch_status(warehouse, failed, "waived")
    land(1, "d")
    newer, _ = published(warehouse, folder)
    before = state(warehouse)

    made = again(folder, publication_id=publication_id)
    assert made.is_identical
    assert made.differences == (f"it read what was withdrawn since: batch {bad}",)
    assert (made.as_of, made.known_at) == (first.as_of, first.known_at)
    assert again(folder, as_of=first.as_of, known_at=first.known_at).content == made.content, "its clocks mean the publication"
    assert state(warehouse) == before

    # Units are known as they stand today, where nothing else of today is.
    with warehouse.begin() as connection:
        moved = "insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status) values"
        today = NOW + timedelta(days=1)
        row = f"{moved} ('org_units', 'crm', 'window', :at, 0, 0, 0, 0, 'passed') returning batch_id"
        units = connection.scalar(sa.text(row), {"at": today})
    in_todays = again(folder, publication_id=publication_id, in_hierarchy_of_today=True)
    assert (in_todays.hierarchy_on, in_todays.is_identical) == (newer.as_of.astimezone(folder.company.zone).date(), None)
    with warehouse.connect() as connection:
        read = sa.text("select array_agg(batch_id order by batch_id) from ops.build_batches where build_id = :id")
        then, now = (connection.scalar(read, {"id": build}) for build in (first.build_id, in_todays.build_id))
    assert now == [*then, units]

    known_today = again(folder, as_of=first.as_of)
    assert (known_today.publication_id, known_today.is_identical) == (None, None)
    assert known_today.known_at == today
    other = folder.model_copy(update={"company": COMPANY.model_copy(update={"name": "New"}), "config_hash": "two"})
    renamed = again(other, publication_id=publication_id)
    assert not renamed.is_identical
    assert renamed.differences[0] == "the company's settings have changed since"
    assert state(warehouse) == before

    # The workshop held a past company; what the next build adds to must not be that.
    build = freeze(folder, now=NOW)
    assert (build.is_full_refresh, build.why_full_refresh) == (True, "nothing has been built here yet")
    run_dbt(build)
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from marts_next.dim_things")) == 3
    with pytest.raises(ShopkeeperError, match="no such publication"):
        again(folder, publication_id=99)


@pytest.mark.usefixtures("things")
def test_a_report_that_cannot_be_made_leaves_no_trace_and_a_failed_gate_stops_none(
    warehouse: sa.Engine, folder: CompanyFolder, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(2, "a")
    _, publication_id = published(warehouse, folder)
    before = state(warehouse)

    def judged(*_: Any, **__: Any) -> None:
        raise GateFailed(fail("build", "failed").problems)

    monkeypatch.setattr(past_report, "gate_publication", judged)
    assert again(folder, publication_id=publication_id).is_identical, "it is not to be published, and says itself what failed"

    def broken(*_: Any) -> None:
        raise fail("report", "is broken")

    monkeypatch.setattr(past_report, "build_report", broken)
    with pytest.raises(ShopkeeperError, match="is broken"):
        again(folder, publication_id=publication_id)
    assert state(warehouse) == before
    assert freeze(folder, now=NOW).is_full_refresh

    # A build that was frozen meanwhile is the current one: it is left as it is.
    def overtaken(*_: Any, **__: Any) -> None:
        freeze(folder, now=NOW)

    monkeypatch.setattr(past_report, "gate_publication", overtaken)
    with pytest.raises(ShopkeeperError, match="no longer the current one"):
        again(folder, publication_id=publication_id)
    with warehouse.connect() as connection:
        newest = connection.execute(sa.text("select build_id, status from ops.builds order by build_id desc limit 1")).one()
        assert tuple(newest) == (connection.scalar(sa.select(CURRENT_BUILD.c.build_id)), "frozen")
