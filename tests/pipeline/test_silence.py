"""A failure is told by whoever failed. That nothing ran is told by nobody, unless somebody looks from outside."""

from __future__ import annotations

import email
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.survey.mail_server import ACCEPT, MailServer, dead_port, free_port
from tests.web.desk_world import login_of, serving
from tests.web.survey_site import KEYS

from shopkeeper.company.config import Company, CompanyFolder, Freshness
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.pipeline import upkeep as upkeep_module
from shopkeeper.pipeline.silence import silences
from shopkeeper.pipeline.status import status
from shopkeeper.pipeline.upkeep import Upkeep
from shopkeeper.pipeline.watch import Watch
from shopkeeper.survey.links import Keys
from shopkeeper.survey.mode import SANDBOX_URL
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.tables import BUILDS, PUBLICATIONS, RUNS
from shopkeeper.web.app import make_app

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAM = "data-team@brunnenhof.example"


def ran(engine: sa.Engine, dag_id: str, at: datetime) -> None:
    row = {"step": "x", "dag_id": dag_id, "started_at": at, "ended_at": at, "status": "failed"}
    with engine.begin() as connection:
        connection.execute(sa.insert(RUNS).values(run_id=f"{dag_id} {at}", **row))


def published(engine: sa.Engine, at: datetime) -> None:
    clocks = {"as_of": at, "known_at": at, "config_hash": ""}
    with engine.begin() as connection:
        values = {**clocks, "code_hash": "", "is_full_refresh": True, "started_at": at, "status": "published"}
        build_id = connection.execute(sa.insert(BUILDS).values(values).returning(BUILDS.c.build_id)).scalar_one()
        connection.execute(sa.insert(PUBLICATIONS).values(build_id=build_id, published_at=at, gates_passed=1, gates_warned=0, **clocks))


def company(path: Path, **freshness: Any) -> CompanyFolder:
    limits = Freshness(tell=(TEAM,), **freshness)
    return CompanyFolder(
        folder=path, company=Company(name="Brunnenhof", timezone="UTC", currency="EUR", freshness=limits), sources={}, config_hash=""
    )


def subjects(mails: list[tuple[str, bytes]]) -> list[str]:
    return [str(email.message_from_bytes(content, policy=policy.default)["Subject"]) for _, content in mails]


def test_the_data_team_is_told_once_per_silence(warehouse: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The scheduler died on Friday evening. Nobody hears of it until Monday's meeting, or everybody every minute.
    folder = company(tmp_path)
    published(warehouse, NOW - HOUR)
    ran(warehouse, "ingest_sources", NOW - HOUR)
    with MailServer() as server:
        monkeypatch.setenv(SANDBOX_URL, server.url)
        watch, timer = Watch(warehouse, folder, awake_since=NOW - 10 * HOUR), Watch(warehouse, folder)
        for name in ("trigger_surveys", "collect_responses", "close_loop"):
            ran(warehouse, name, NOW - HOUR)
        assert watch.look(NOW) == timer.look(NOW) == ()
        later = NOW + 5 * HOUR
        ran(warehouse, "close_loop", later - HOUR)
        for minute in range(3):
            found = watch.look(later + minute * timedelta(minutes=1))
            assert timer.look(later) == (), "who knows no scheduler waits for run_hours, and that ends no silence"
        assert [one.subject for one in found] == ["ingest_sources", "trigger_surveys", "collect_responses"]
        assert [to for to, _ in server.mails] == [TEAM]
        ((_, content),) = server.mails
        text = email.message_from_bytes(content, policy=policy.default).get_body().get_content()  # type: ignore[union-attr, attr-defined]
        assert "ingest_sources: no sign since 2026-03-10 11:00 UTC (6 h ago; limit 3 h)" in text
        for name in ("ingest_sources", "trigger_surveys", "collect_responses"):
            ran(warehouse, name, later + HOUR)
        assert watch.look(later + 2 * HOUR) == ()
        assert [one.subject for one in watch.look(later + 40 * HOUR)] == ["publication", *("ingest_sources", "trigger_surveys"),
                                                                          *("collect_responses", "close_loop")]  # fmt: skip
        watch.look(later + 41 * HOUR)
        assert len(server.mails) == 2, "the next silence is another one"
        assert status(warehouse, later + 41 * HOUR, folder.company.freshness).is_stale
        said = [one.subject for one in status(warehouse, later + 41 * HOUR, folder.company.freshness).silences]
        assert said == ["ingest_sources", "trigger_surveys", "collect_responses", "close_loop"]


def test_a_mail_server_that_is_down_is_tried_again(warehouse: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What stopped the scheduler may have stopped the mail server: an alert that is counted as sent and was not is none.
    port = free_port()
    monkeypatch.setenv(SANDBOX_URL, f"smtp://127.0.0.1:{port}")
    watch = Watch(warehouse, company(tmp_path), awake_since=NOW - 10 * HOUR)
    with pytest.raises(ShopkeeperError, match="nothing listens there"):
        watch.look(NOW)
    with MailServer(lambda _: "451 4.3.0 later", port=port) as server:
        with pytest.raises(ShopkeeperError, match="takes no e-mail"):
            watch.look(NOW)
        server.script = lambda _: ACCEPT
        for _ in range(3):
            watch.look(NOW)
        assert len(server.mails) == 1


def test_a_warehouse_or_a_scheduler_that_is_gone_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The watch must not need what it watches.
    gone = make_engine(f"postgresql://nobody:nothing@127.0.0.1:{dead_port()}/warehouse")
    noted: list[str] = []

    class Supervisor:
        processes: tuple[object, ...] = ()
        has_ended = False

        def check(self) -> None:
            if self.has_ended:
                raise fail("airflow scheduler", "ended with status -9", "see its log")

    cleaned: list[Any] = []
    monkeypatch.setattr(upkeep_module, "clean_history", lambda *_, **given: cleaned.append(given["before"]))
    supervisor = Supervisor()
    with MailServer() as server:
        monkeypatch.setenv(SANDBOX_URL, server.url)
        watch = Watch(gone, company(tmp_path), awake_since=NOW)
        upkeep = Upkeep(supervisor, tmp_path, watch, noted.append, now=NOW)  # type: ignore[arg-type]
        for minute in range(4):
            upkeep.do(NOW + minute * timedelta(minutes=1))
        supervisor.has_ended = True
        with pytest.raises(ShopkeeperError, match="airflow scheduler"):
            upkeep.do(NOW + 5 * timedelta(minutes=1))
        assert subjects(server.mails) == ["Brunnenhof: the warehouse does not answer", "Brunnenhof: what runs the pipeline has ended"]
        assert b"ended with status -9" in server.mails[1][1]
    assert cleaned == [NOW - timedelta(days=90)], "Airflow forgets once a day what is older than logs_days"
    assert noted == []


def test_an_outside_monitor_is_told_by_the_web_app(warehouse: sa.Engine, tmp_path: Path) -> None:
    # When the whole machine is gone, only somebody who asks from outside can tell; the address tells him, and nothing about anybody.
    folder, clock = company(tmp_path, entity_hours={"customers": 24}), [NOW]
    app = make_app(folder.company, Keys.read(KEYS), login_of(warehouse, "survey_page"), clock=lambda: clock[0])
    with serving(app) as url, httpx.Client(base_url=url, verify=False) as monitor:
        asked = monitor.get("/health/pipeline")
        assert (asked.status_code, asked.json()) == (503, {"status": "silent"}), "nothing has ever been published"
        published(warehouse, NOW - HOUR)
        assert monitor.get("/health/pipeline").status_code == 200
        ran(warehouse, "ingest_sources", NOW - HOUR)
        clock[0] = NOW + 24 * HOUR
        assert monitor.get("/health/pipeline").status_code == 200
        clock[0] = NOW + 26 * HOUR
        assert monitor.get("/health/pipeline").status_code == 503
        assert monitor.get("/health").status_code == 200, "the page itself is well"


def test_entities_have_limits_of_their_own_and_what_never_ran_is_missed_only_under_a_scheduler() -> None:
    limits = Freshness(entity_hours={"customers": 24, "revenue": 48})
    signs = {"publication": NOW, "entity customers": NOW - 30 * HOUR, "close_loop": NOW}
    assert [one.subject for one in silences(signs, limits, NOW)] == ["entity customers"], "revenue is not mapped"
    under = silences(signs, limits, NOW, awake_since=NOW - 4 * HOUR)
    assert {one.subject for one in under} == {"entity customers", "ingest_sources", "trigger_surveys", "collect_responses"}
    assert silences(signs, Freshness(), NOW, awake_since=NOW - 2 * HOUR) == ()
