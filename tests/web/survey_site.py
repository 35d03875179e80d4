"""Invitations put straight into the ledger, and the real server on a real port: what the tests of the page, and its benchmark, stand on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa
import yaml

from shopkeeper.company.programmes import Programme
from shopkeeper.survey.links import Keys
from shopkeeper.warehouse.ids import stable_id

KEYS = "k1:" + "not-secret-at-all-" * 2
QUESTIONS: dict[str, Any] = {
    "score": {},
    "verbatim": {},
    "improvement": {"ask": ["detractor", "passive"]},
    "reason": {},
    "ease": {},
    "heard_from": {"ask": ["promoter"]},
    "would_have_come_anyway": {"ask": ["promoter"]},
    "may_call_back": {},
}
CADENCE = {"every_days": 90, "starts_on": "2026-01-01"}


def a_programme(**parts: Any) -> Programme:
    return Programme.model_validate({"kind": "relationship", "cadence": CADENCE, "questions": QUESTIONS} | parts)


def add_wave(engine: sa.Engine, programme: Programme, name: str = "2026-03-01") -> UUID:
    wave_id = stable_id("wave", "relationship", name)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into ops.waves (
                    wave_id, programme, name, salt, covers_from, covers_to, as_of, config_hash, config, method, delivery,
                    candidates, turned_away, drawn, drawn_at
                )
                values (:wave_id, 'relationship', :name, :name, now(), now(), now(), '', :config, '', 'sandbox', 1, 0, 1, now())
                """
            ),
            {"wave_id": wave_id, "name": name, "config": programme.model_dump_json()},
        )
    return wave_id


def add_invitations(
    engine: sa.Engine, wave_id: UUID, count: int = 1, *, locale: str = "en", days_left: float = 30, **columns: Any
) -> list[UUID]:
    """`days_left` may be negative: an invitation whose time is over."""
    ids = [uuid4() for _ in range(count)]
    given = {"customer_id": "C1", "employee_id": None, "interaction_id": None, "arms": "{}"} | columns
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into ops.invitations (
                    invitation_id, wave_id, programme, customer_id, employee_id, interaction_id, provider, channel, locale, arms,
                    invited_at, due_at, expires_at
                )
                select unnest(cast(:ids as uuid[])), :wave_id, 'relationship', :customer_id, :employee_id, :interaction_id, 'built_in',
                    'email', :locale, cast(:arms as jsonb), now(), now(), now() + :days_left * interval '1 day'
                """
            ),
            {"ids": [str(each) for each in ids], "wave_id": wave_id, "locale": locale, "days_left": days_left, **given},
        )
    return ids


def add_interaction(
    engine: sa.Engine, interaction_id: str, kind: str, occurred_at: str, *, status: str = "passed", updated_at: str = "2026-03-05"
) -> None:
    """One version of an interaction, in a batch of its own."""
    with engine.begin() as connection:
        batch = connection.scalar(
            sa.text(
                "insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)"
                " values ('interactions', 'crm', 'window', now(), 1, 1, 0, 0, :status) returning batch_id"
            ),
            {"status": status},
        )
        connection.execute(
            sa.text(
                "insert into raw.interactions (_key, _batch_id, interaction_id, customer_id, occurred_at, interaction_type, updated_at,"
                " _source, _row_number, _row_hash, _loaded_at) values (ops.stable_id('interactions:crm', :id), :batch, :id, 'C1',"
                " :occurred_at, :kind, :updated_at, 'crm', 1, gen_random_uuid(), now())"
            ),
            {"id": interaction_id, "batch": batch, "occurred_at": occurred_at, "kind": kind, "updated_at": updated_at},
        )


def submissions(engine: sa.Engine, invitation_id: UUID) -> list[dict[str, Any]]:
    """What the page kept of one invitation, oldest first."""
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("select * from pii.survey_submissions where invitation_id = :id order by submission_id"), {"id": invitation_id}
        )
        return [dict(row) for row in found.mappings()]


def a_company(folder: Path, **parts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"name": "Brunnenhof Insurance", "timezone": "Europe/Berlin", "currency": "EUR"} | parts
    (folder / "company.yml").write_text(yaml.safe_dump(settings))
    return folder


def token(invitation_id: UUID, *, days_left: float = 30, keys: str = KEYS, is_test: bool = False) -> str:
    return Keys.read(keys).sign(invitation_id, datetime.now(UTC) + timedelta(days=days_left), is_test=is_test)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A running server. Each client of `client()` seems to come from an address of its own, through the proxy that we are."""

    def __init__(self, company: Path, database_url: str, workers: int = 1, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "shopkeeper.web", "--port", str(self.port), "--workers", str(workers)]
        self._environment = os.environ | {
            "SURVEY_PAGE_URL": database_url,
            "SHOPKEEPER_COMPANY": str(company),
            "SHOPKEEPER_LINK_KEYS": KEYS,
            "SHOPKEEPER_TRUSTED_PROXIES": "127.0.0.1",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "include"),
            **environment,
        }
        self.log = company / "web.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True)
        deadline, probe = time.monotonic() + 60, self.client()
        while time.monotonic() < deadline:
            try:
                probe.get("/health")
                return
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL to the server and its workers at once, as the machine's own end would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def client(self, address: str = "198.51.100.7", headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Client:
        # Without `verify`, or each client would read all certificates there are, for a server that speaks plain HTTP.
        return httpx.Client(base_url=self.url, headers={"x-forwarded-for": address, **(headers or {})}, timeout=20, verify=False, **options)


@contextmanager
def serving(company: Path, database_url: str, workers: int = 1, **environment: str) -> Iterator[Site]:
    site = Site(company, database_url, workers, **environment)
    site.start()
    try:
        yield site
    finally:
        site.stop()
