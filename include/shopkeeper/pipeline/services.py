"""Servers that go with the pipeline on one machine: the survey page, and the inbox that keeps the sandbox's e-mails."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

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
    with _listening(is_free_to_choose=not os.environ.get(SURVEY_URL)) as listener:
        here = f"http://{HOST}:{listener.getsockname()[1]}"
        for address in (SURVEY_URL, DESK_URL):
            os.environ.setdefault(address, here)
        environment = {**os.environ, "SHOPKEEPER_COMPANY": str(company), "WAREHOUSE_URL": warehouse_url()}
        log = home() / "logs" / "survey-page.log"
        arguments = [sys.executable, "-m", "shopkeeper.web", "--listener", str(listener.fileno())]
        supervisor.spawn("survey page", arguments, environment, log, handed_over=(listener.fileno(),))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        with suppress(httpx.HTTPError):
            if httpx.get(f"{here}/health", timeout=2).is_success:
                return survey_url()
        time.sleep(0.1)
    raise fail("survey page", f"does not answer after {START_SECONDS} s", f"see {log}")


def _listening(*, is_free_to_choose: bool) -> socket.socket:
    """A socket that listens at the usual port, or at any free one where that is taken and nobody counts on it.

    It is handed over to the web app as it is: a port that was looked for and let go again may be another program's a moment later.
    """
    for port in (PAGE_PORT, 0) if is_free_to_choose else (PAGE_PORT,):
        with suppress(OSError):
            return socket.create_server((HOST, port))
    raise fail("survey page", f"port {PAGE_PORT} of {HOST} is taken by another program", f"end it, or unset {SURVEY_URL}")
