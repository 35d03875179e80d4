"""What is old enough goes, nothing that is needed does, and doing it again changes nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.survey.people import customer, interaction, put

from shopkeeper.company.keeping import Retention
from shopkeeper.privacy import retention
from shopkeeper.quality import sites
from shopkeeper.warehouse.message_tables import MESSAGE_EVENTS, MESSAGE_QUEUE, MESSAGE_TEXTS, MESSAGES
from shopkeeper.warehouse.tables import BUILDS, GATE_RESULTS, PUBLICATIONS, REJECTED_ROWS, RUNS, VALIDATIONS

NOW = datetime(2026, 3, 3, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=400), NOW - timedelta(days=10)
YEAR = Retention(
    **dict.fromkeys(
        (
            "versions_days",
            "rejects_days",
            "events_days",
            "evidence_days",
            "sites_days",
            "submissions_days",
            "message_texts_days",
            "logs_days",
        ),
        365,
    ),
    words_days=365,
)
FOR_EVER = Retention(**dict.fromkeys(Retention.model_fields))
REMOVERS = (
    retention.remove_versions, retention.remove_rejects, retention.remove_events, retention.remove_evidence, retention.remove_texts,
)  # fmt: skip


def rows(engine: sa.Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def answer(score: int, *, at: datetime, **columns: Any) -> dict[str, Any]:
    usual = {"native_id": "A1", "provider": "p", "score": score, "responded_at": at, "updated_at": at, "verbatim": f"word {score}"}
    return {**usual, **columns}


@pytest.fixture
def filled(warehouse: sa.Engine) -> sa.Engine:
    """Everything twice, once from more than a year ago, once from last week."""
    long_ago = OLD - timedelta(days=100)
    put(warehouse, "survey_responses", [answer(3, at=long_ago)], loaded_at=long_ago)
    put(warehouse, "survey_responses", [answer(5, at=long_ago + timedelta(days=1))], loaded_at=OLD)
    put(warehouse, "survey_responses", [answer(7, at=long_ago, verbatim="late old one")], loaded_at=OLD + timedelta(days=1))
    for at, kind in ((long_ago, "basic"), (OLD, "gold"), (NEW, "gold")):  # taken for younger than it is, a version decides segments
        put(warehouse, "customers", [customer("C1", segment=kind, updated_at=at)], loaded_at=at)
    put(warehouse, "interactions", [interaction("I1", "C1", long_ago, outcome="open", updated_at=long_ago)], loaded_at=long_ago)
    put(warehouse, "interactions", [interaction("I1", "C1", long_ago, outcome="paid", updated_at=NEW)], loaded_at=NEW)
    put(warehouse, "interactions", [interaction("I2", "C1", long_ago, outcome="open", updated_at=long_ago)], loaded_at=long_ago)
    put(warehouse, "interactions", [interaction("I2", "C1", long_ago, outcome="bad", updated_at=OLD)], loaded_at=OLD, status="withdrawn")
    check = {"suite": "s", "expectation": "e", "description": "d", "severity": "warning", "succeeded": True}
    build = {"known_at": OLD, "config_hash": "", "code_hash": "", "is_full_refresh": True, "status": "published"}
    out = {"known_at": OLD, "config_hash": "", "gates_passed": 1, "gates_warned": 0}
    ids = {name: f"{n:032}" for n, name in enumerate(("old", "queued", "new"))}
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("""
                insert into ops.redacted_verbatims
                select _key, _batch_id, '[redacted] ' || verbatim, 0, '1', 1, :now from pii.survey_responses
            """),
            {"now": OLD},
        )
        for at in (OLD, NEW):
            values: list[tuple[sa.Table, dict[str, Any]]] = [
                (
                    RUNS,
                    {"run_id": str(at), "step": "freeze", "dag_id": "build_marts", "started_at": at, "ended_at": at, "status": "succeeded"},
                ),
                (RUNS, {"run_id": f"last {at}", "step": f"step {at}", "started_at": at, "ended_at": at, "status": "failed"}),
                (BUILDS, {"as_of": at, "started_at": at, **build}),
                (VALIDATIONS, {"subject": "batch", "batch_id": 1, "suite": "s", "result": {}, "checked_at": at}),
            ]
            for table, row in values:
                connection.execute(sa.insert(table).values(row))
        for build_id in (1, 2):  # both long ago: the second is what is published now
            connection.execute(sa.insert(PUBLICATIONS).values(build_id=build_id, as_of=OLD, published_at=OLD, **out))
            connection.execute(sa.insert(GATE_RESULTS).values(subject="publication", build_id=build_id, checked_at=OLD, **check))
        connection.execute(sa.insert(GATE_RESULTS).values(subject="batch", batch_id=1, checked_at=OLD, **check))
        for name, at in (("old", OLD), ("queued", OLD), ("new", NEW)):
            of = {"kind": "alert", "channel": "chat", "target": "t", "due_at": at, "made_at": at}
            connection.execute(sa.insert(MESSAGES).values(message_id=ids[name], **of))
            connection.execute(sa.insert(MESSAGE_TEXTS).values(message_id=ids[name], title=name, body=name))
            connection.execute(sa.insert(MESSAGE_EVENTS).values(message_id=ids[name], event="sent", occurred_at=at))
        connection.execute(sa.insert(MESSAGE_QUEUE).values(message_id=ids["queued"], due_at=OLD))
        for batch_id in (1, 6):
            of = {"entity": "customers", "source": "crm", "payload": {}, "reason": "r", "first_batch_id": 1, "last_batch_id": batch_id}
            connection.execute(sa.insert(REJECTED_ROWS).values(payload_hash=f"{batch_id:032}", **of))
    for publication_id, at in ((0, OLD), (1, OLD), (2, OLD)):
        sites.store(warehouse, "report", sites.one_page("x"), now=at, publication_id=publication_id)
    return warehouse


def enforce(engine: sa.Engine, policy: Retention) -> dict[str, int]:
    return {table: count for remove in REMOVERS for table, count in remove(engine, policy, now=NOW).items()}


def test_what_is_old_goes_and_what_is_needed_stays(filled: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Too little, and the company keeps what it promised to delete; too much, and tomorrow's marts are wrong.
    monkeypatch.setattr(retention, "CHUNK", 1)
    assert enforce(filled, FOR_EVER) == {}
    assert enforce(filled, YEAR) == {
        "raw.survey_responses": 2,
        "pii.survey_responses": 2,
        "ops.redacted_verbatims": 2,
        "rejected.rows": 1,
        "ops.runs": 1,
        "pii.message_texts": 1,
        "ops.message_events": 1,
        "ops.messages": 1,
        "quality.validations": 1,
        "quality.gate_results": 1,
        "quality.sites": 1,
        "words in pii.survey_responses": 1,
    }
    # The newest version is that of the greatest updated_at, whichever came last.
    assert rows(filled, "select score from raw.survey_responses") == [(5,)]
    words = "select personal.verbatim, done.verbatim from pii.survey_responses as personal join ops.redacted_verbatims as done using (_key)"
    assert rows(filled, words) == [(None, "[redacted] word 5")], "marts carry what is redacted"
    assert len(rows(filled, "select 1 from raw.customers")) == 3, "what a customer was when asked is read from every version"
    assert rows(filled, "select outcome from raw.interactions order by interaction_id, outcome") == [
        ("open",),
        ("paid",),
        ("bad",),
        ("open",),
    ]
    assert rows(filled, "select title from pii.message_texts order by 1") == [("new",), ("queued",)]
    assert rows(filled, "select build_id from quality.gate_results where build_id is not null") == [(2,)]
    assert rows(filled, "select publication_id from quality.sites order by 1") == [(0,), (2,)]
    assert len(rows(filled, "select 1 from ops.runs")) == 3, "the last run of a step says how it stands"
    assert enforce(filled, YEAR) == {}


def test_log_files_and_the_inbox(tmp_path: Path) -> None:
    # A log is where personal data end up by mistake; a disk that is full of logs stops the pipeline.
    kept, gone = [], []
    for place in ("logs", "airflow/logs/dag_id=a/run_id=b", "dbt/x/logs", "inbox/new", "warehouse/pgdata", "sites/report"):
        for name, at in (("old", OLD), ("new", NEW)):
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            os.utime(path, (at.timestamp(), at.timestamp()))
            (gone if name == "old" and place not in ("warehouse/pgdata", "sites/report") else kept).append(path)
    assert retention.remove_files(tmp_path, FOR_EVER, now=NOW) == {}
    assert retention.remove_files(tmp_path, YEAR, now=NOW) == {"logs": 1, "airflow/logs": 1, "dbt": 1, "inbox/new": 1}
    assert [path.exists() for path in kept] == [True] * len(kept)
    assert [path.exists() for path in gone] == [False] * len(gone)
