"""A company whose people are told things, for tests: a folder, employees, messages, and a chat that does what a script says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import yaml
from tests.survey.people import employee, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.messages import outbox
from shopkeeper.messages.outbox import Message

KEEP_AND_DIE, DIE = -1, -2


def company(folder: Path, **closed_loop: Any) -> CompanyFolder:
    """A company folder in Berlin with this closed_loop.yml; more than 5 alerts at once become a digest."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "company.yml": {"name": "Brunnenhof", "timezone": "Europe/Berlin", "currency": "EUR"},
        "sources.yml": {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}},
        "programmes.yml": {"sender": {"name": "Brunnenhof", "address": "us@brunnenhof.example", "per_second": 10000}, "programmes": {}},
        "closed_loop.yml": {"digest_above": 5, **closed_loop},
    }
    for name, content in written.items():
        (folder / name).write_text(yaml.safe_dump(content))
    return load(folder, environ={})


def employees(engine: sa.Engine, *names: str) -> None:
    put(engine, "employees", [employee(name) for name in names])


def message(number: int | str, due_at: datetime, *, to: str = "E1", chat: str | None = None, **columns: Any) -> Message:
    """Its title and its body hold a token of its own, so that it can be recognised wherever it turns up."""
    usual: dict[str, Any] = {"kind": "alert", "excerpt": f"words {number}.", **columns}
    receiver = {"target": chat} if chat else {"employee_id": to}
    return Message(identity=f"test|{number}", title=f"title {number}.", body=f"body {number}.\n", due_at=due_at, **receiver, **usual)


def post(engine: sa.Engine, *messages: Message) -> list[UUID]:
    with engine.begin() as connection:
        for one in messages:
            outbox.post(connection, [one], now=one.due_at)
    return [one.message_id for one in messages]


def fates(engine: sa.Engine) -> dict[str, str]:
    """Title → the latest event of the message, with its reason or code; `waiting` where it has none."""
    query = """
        select texts.title, coalesce(latest.event || coalesce(' ' || coalesce(latest.reason, latest.code), ''), 'waiting') as fate
        from ops.messages
        inner join pii.message_texts as texts using (message_id)
        left join lateral (
            select * from ops.message_events as events where events.message_id = messages.message_id order by event_id desc limit 1
        ) as latest on true
    """
    with engine.connect() as connection:
        assert contradictions(connection) == []
        return {row.title.removeprefix("title ").rstrip("."): row.fate for row in connection.execute(sa.text(query))}


def contradictions(connection: sa.Connection) -> Sequence[Any]:
    """Messages of which the queue and the events tell different stories, or that have neither a place in the queue nor an end."""
    query = """
        select messages.message_id, latest.event, queue.message_id is not null as in_queue, queue.worker
        from ops.messages
        left join ops.message_queue as queue using (message_id)
        left join lateral (
            select event from ops.message_events as events where events.message_id = messages.message_id order by event_id desc limit 1
        ) as latest on true
        where (queue.message_id is not null)
                <> (coalesce(latest.event, 'released') in ('released', 'deferred', 'claimed', 'sending'))
            or (queue.worker is not null) <> coalesce(latest.event in ('claimed', 'sending'), false)
            or (messages.digest_id is not null) <> coalesce(latest.event = 'digested', false)
    """
    return connection.execute(sa.text(query)).all()


class Chatroom:
    """A real HTTP server that takes what Apprise posts; `said` holds what it accepted, as (title, text).

    `script` says what it does: a status, KEEP_AND_DIE (it takes the message and hangs up) or DIE.
    """

    def __init__(self, script: Callable[[], int] | None = None) -> None:
        self.script, self.said, self.asked = script or (lambda: 200), list[tuple[str, str]](), 0
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.asked += 1
                status = chat.script()
                if status in (200, KEEP_AND_DIE):
                    chat.said.append((content["title"], content["message"]))
                if status > 0:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.close_connection = True
                    self.connection.close()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self._server.server_port}/hooks/secret-key"

    def __enter__(self) -> Chatroom:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
