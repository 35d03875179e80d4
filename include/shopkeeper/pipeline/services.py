"""Servers that go with the pipeline on one machine: the survey page, and the inbox that keeps the sandbox's e-mails."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shopkeeper.errors import fail
from shopkeeper.messages.links import DESK_URL
from shopkeeper.pipeline.orchestrator import HOST, free_port
from shopkeeper.survey.inbox import PORT as INBOX_PORT
from shopkeeper.survey.inbox import Inbox
from shopkeeper.survey.links import SURVEY_URL, survey_url
from shopkeeper.survey.mode import DELIVERY, SANDBOX_URL
from shopkeeper.warehouse.embedded import home
from shopkeeper.warehouse.engine import secret, warehouse_url
from shopkeeper.warehouse.supervisor import Supervisor

PAGE_PORT = 8090
START_SECONDS = 60


@contextmanager
def sandbox_inbox() -> Iterator[str | None]:
    """Run the local mail server in this process while the block lasts; yields its URL.

    None, and nothing is started, where another server was named or delivery is live. Everything that this process starts
    meanwhile sends to it. Whoever listens at the usual port by himself is not trusted with e-mails: another port is taken.
    """
    if secret(SANDBOX_URL) or os.environ.get(DELIVERY, "").strip() not in ("", "sandbox"):
        yield None
        return
    with Inbox(port=free_port(INBOX_PORT)) as inbox:
        os.environ[SANDBOX_URL] = inbox.url
        try:
            yield inbox.url
        finally:
            del os.environ[SANDBOX_URL]


def start_survey_page(supervisor: Supervisor, company: Path) -> str:
    """Start the web app on this machine, the desk with it; returns the address at which customers reach it.

    That is SHOPKEEPER_SURVEY_URL where it is set, as behind a proxy; else links lead to this machine itself. So for
    SHOPKEEPER_DESK_URL, at which our own people reach the desk.
    """
    port = PAGE_PORT if os.environ.get(SURVEY_URL) else free_port(PAGE_PORT)
    for address in (SURVEY_URL, DESK_URL):
        os.environ.setdefault(address, f"http://{HOST}:{port}")
    environment = {**os.environ, "SHOPKEEPER_COMPANY": str(company), "WAREHOUSE_URL": warehouse_url()}
    log = home() / "logs" / "survey-page.log"
    supervisor.spawn("survey page", [sys.executable, "-m", "shopkeeper.web", "--port", str(port)], environment, log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return survey_url()
        time.sleep(0.1)
    raise fail("survey page", f"does not listen after {START_SECONDS} s", f"see {log}")
