"""What `./shopkeeper status` is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tiny
import yaml
from tests.survey.invitations import put_invitations, put_wave

from shopkeeper.company.config import Freshness
from shopkeeper.company.load import load
from shopkeeper.company.programmes import Programmes
from shopkeeper.pipeline.status import status
from shopkeeper.survey import control, ledger
from shopkeeper.warehouse import batches
from shopkeeper.warehouse.tables import BATCHES, BUILDS, COVERAGE, ENTITY_AVAILABILITY, GATE_RESULTS, PUBLICATIONS, REJECTED_ROWS, RUNS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def batch(connection: sa.Connection, status: str, start: datetime, end: datetime, entity: str = "customers") -> int:
    row: dict[str, Any] = {"entity": entity, "source": "crm", "kind": "window", "interval_start": start, "interval_end": end}
    counts = {"rows_in": 1, "accepted": 1, "unchanged": 0, "rejected": 0}
    values = {**row, **counts, "loaded_at": end, "status": "landed"}
    batch_id: int = connection.execute(sa.insert(BATCHES).values(values).returning(BATCHES.c.batch_id)).scalar_one()
    connection.execute(sa.insert(COVERAGE).values(entity=entity, source="crm", covered_from=start, covered_to=end, batch_id=batch_id))
    batches.record(connection, batch_id, None, "landed", reason=None, actor="loader", now=end)
    if status != "landed":
        batches.set_status(connection, batch_id, status, reason="too few rows", actor="gate", now=end)
    return batch_id


def publish(connection: sa.Connection, published_at: datetime, **build: Any) -> int:
    clocks = {"as_of": published_at, "known_at": published_at, "config_hash": "c"}
    values = {**clocks, "code_hash": "c", "is_full_refresh": True, "started_at": published_at, "status": "published", **build}
    build_id: int = connection.execute(sa.insert(BUILDS).values(values).returning(BUILDS.c.build_id)).scalar_one()
    if values["status"] == "published":
        gates = {"gates_passed": 1, "gates_warned": 0}
        connection.execute(sa.insert(PUBLICATIONS).values(build_id=build_id, published_at=published_at, **clocks, **gates))
    return build_id


def test_an_empty_warehouse_is_stale(warehouse: sa.Engine) -> None:
    found = status(warehouse, NOW)
    assert found.is_stale
    assert found.published_at is None


@pytest.mark.parametrize(("hours", "is_stale"), [(25, False), (27, True)])
def test_an_old_publication_is_stale(warehouse: sa.Engine, hours: int, is_stale: bool) -> None:
    # A failure callback never sees that nothing ran: only the age of what is published shows it.
    with warehouse.begin() as connection:
        publish(connection, NOW - hours * HOUR)
    found = status(warehouse, NOW)
    assert (found.publication_age, found.is_stale) == (hours * HOUR, is_stale)


def test_an_entity_has_its_own_limit(warehouse: sa.Engine) -> None:
    with warehouse.begin() as connection:
        publish(connection, NOW)
        row = {"is_mapped": True, "sources": "crm", "newest_record_at": NOW - 30 * HOUR, "rows_current": 1}
        connection.execute(sa.insert(ENTITY_AVAILABILITY).values(entity="customers", **row))
    assert not status(warehouse, NOW).is_stale
    assert not status(warehouse, NOW, Freshness(entity_hours={"customers": 48})).is_stale
    found = status(warehouse, NOW, Freshness(entity_hours={"customers": 24}))
    assert found.is_stale
    assert [entity.entity for entity in found.entities if entity.is_stale] == ["customers"]


def test_every_entity_says_how_old_it_is(warehouse: sa.Engine) -> None:
    """Nobody sets a limit for what nobody thinks of; the age is there for all of them, also of what has no time of its own."""
    ages = {"customers": NOW - 30 * HOUR, "revenue": NOW + 5 * HOUR, "products": None, "calls": None}
    with warehouse.begin() as connection:
        batch(connection, "passed", batches.EARLIEST, NOW - 3 * HOUR, entity="products")
        for entity, newest in ages.items():
            row = {"is_mapped": True, "sources": "crm", "newest_record_at": newest, "rows_current": 1}
            connection.execute(sa.insert(ENTITY_AVAILABILITY).values(entity=entity, **row))
    found = {entity.entity: entity.age for entity in status(warehouse, NOW).entities}
    assert found == {"customers": 30 * HOUR, "revenue": 0 * HOUR, "products": 3 * HOUR, "calls": None}


def test_failed_gates_and_gaps_stay_open_until_they_are_closed(warehouse: sa.Engine) -> None:
    with warehouse.begin() as connection:
        batch(connection, "passed", batches.EARLIEST, NOW - 3 * HOUR)
        failed = batch(connection, "failed", NOW - 3 * HOUR, NOW - 2 * HOUR)
        batch(connection, "passed", NOW - 2 * HOUR, NOW)
    found = status(warehouse, NOW)
    assert [(one.batch_id, one.reason) for one in found.failed_batches] == [(failed, "too few rows")]
    assert [(gap.gap_from, gap.gap_to) for gap in found.coverage_gaps] == [(NOW - 3 * HOUR, NOW - 2 * HOUR)]
    batches.waive(warehouse, failed, reason="a holiday", actor="ann", now=NOW)
    found = status(warehouse, NOW)
    assert (found.failed_batches, found.coverage_gaps) == ((), ())


def test_a_publication_that_was_stopped_is_shown_until_a_later_one_is_out(warehouse: sa.Engine) -> None:
    check = {"subject": "publication", "suite": "nps_current", "expectation": "x", "description": "Scores lie in -100..100."}
    with warehouse.begin() as connection:
        build_id = publish(connection, NOW, status="failed")
        connection.execute(sa.insert(GATE_RESULTS).values(**check, build_id=build_id, severity="critical", succeeded=False, checked_at=NOW))
    assert status(warehouse, NOW).failed_publication_checks == ("nps_current: Scores lie in -100..100.",)
    with warehouse.begin() as connection:
        publish(connection, NOW)
    assert status(warehouse, NOW).failed_publication_checks == ()


def test_open_rejects_and_runs_are_counted(warehouse: sa.Engine) -> None:
    row = {"entity": "customers", "source": "crm", "payload": {}, "reason": "no id", "first_batch_id": 1, "last_batch_id": 1}
    run = {"dag_id": "ingest_sources", "step": "load_crm"}
    with warehouse.begin() as connection:
        for closed_by, name in ((None, "0" * 32), (2, "1" * 32)):
            connection.execute(sa.insert(REJECTED_ROWS).values(**row, payload_hash=name, closed_by_batch_id=closed_by))
        connection.execute(sa.insert(RUNS).values(run_id="a", started_at=NOW - HOUR, status="failed", summary={"reason": "no"}, **run))
        connection.execute(sa.insert(RUNS).values(run_id="b", started_at=NOW, status="running", **run))
    found = status(warehouse, NOW)
    assert [(one.entity, one.rows) for one in found.open_rejects] == [("customers", 1)]
    assert found.running == (), "nobody holds the lock of run b: its process is gone"
    assert [run.run_id for run in found.last_failures] == ["b"], "of each step only the newest run counts"


def test_what_holds_up_surveys_is_shown(warehouse: sa.Engine, tmp_path: Path) -> None:
    # A pause that everybody has forgotten, or an e-mail that nobody knows the fate of, must not stay unseen.
    (tmp_path / "company").mkdir()
    folder = load(tiny.make(tmp_path / "company"))
    folder = folder.model_copy(update={"programmes": Programmes.model_validate(yaml.safe_load(tiny.PROGRAMMES))})
    wave = put_wave(warehouse, folder, "relationship", NOW)
    put_invitations(warehouse, wave, ["C1"], NOW - HOUR)
    put_invitations(warehouse, wave, ["C2"], NOW + HOUR)
    (lost,) = put_invitations(warehouse, wave, ["C3"], NOW - HOUR, in_queue=False)
    with warehouse.begin() as connection:
        ledger.record(connection, lost, "doubtful", message="invitation", occurred_at=NOW)
    control.pause(warehouse, programme=None, reason="storm", actor="ada", now=NOW)
    found = status(warehouse, NOW)
    assert [(one.programme, one.reason) for one in found.pauses] == [(None, "storm")]
    assert (found.unsent, found.oldest_unsent_at, found.doubtful) == (1, NOW - HOUR, 1)
