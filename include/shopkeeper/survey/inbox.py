"""A mail server for this machine that keeps everything and delivers nothing onward: where the sandbox's e-mails go.

    python -m shopkeeper.survey.inbox [--host 127.0.0.1] [--port 1025] [--folder .shopkeeper/inbox]

Each e-mail becomes a file of a Maildir, which most mail programs open. `messages` reads them.
"""

from __future__ import annotations

import argparse
import mailbox
import re
import signal
import socket
import threading
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from types import FrameType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from shopkeeper.errors import fail
from shopkeeper.warehouse.embedded import home

PORT = 1025
_KEY = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)")


def default_folder() -> Path:
    return home() / "inbox"


class Inbox:
    """The server, in a thread of its own, while the context lasts. An e-mail that it accepted is in the Maildir."""

    def __init__(self, folder: Path | None = None, *, host: str = "127.0.0.1", port: int = PORT) -> None:
        self.folder = folder or default_folder()
        self.url, self._place = f"smtp://{host}:{port}", (host, port)
        self._maildir = open_maildir(self.folder)
        self._controller = Controller(
            self, hostname=host, port=port, enable_SMTPUTF8=True, ident="shopkeeper inbox", auth_require_tls=False
        )

    def __enter__(self) -> Inbox:
        try:
            # The controller itself would take five seconds to say that it cannot.
            socket.create_server(self._place, family=socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET).close()
            self._controller.start()
        except OSError as error:
            raise fail(self.url, f"cannot listen there ({error.strerror})", "end what listens there, or choose another --port") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, aiosmtpd calls it so
        content: Any = envelope.original_content
        told = f"Return-Path: <{envelope.mail_from}>\r\n" + "".join(f"Delivered-To: {one}\r\n" for one in envelope.rcpt_tos)
        self._maildir.add(told.encode() + content)
        return "250 2.0.0 kept"


def open_maildir(folder: Path) -> mailbox.Maildir:
    """The Maildir in that folder; made where it is not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        return mailbox.Maildir(folder, create=True)
    except OSError as error:
        raise fail(str(folder), f"cannot be used as a Maildir ({error.strerror})", "name a folder that can be written to") from None


def messages(folder: Path | None = None) -> Iterator[EmailMessage]:
    """Every e-mail in a Maildir, oldest first."""
    maildir = open_maildir(folder or default_folder())
    parser = BytesParser(policy=policy.default)
    for key in sorted(maildir.keys(), key=_when):
        yield parser.parsebytes(maildir.get_bytes(key))


def _when(key: str) -> tuple[int, ...]:
    """A Maildir's file names begin with second, microsecond, process and number: 1772452800.M123P45Q6.host."""
    found = _KEY.match(key)
    return tuple(int(part) for part in found.groups()) if found else ()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m shopkeeper.survey.inbox", description="Keep every e-mail; deliver none.")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=PORT)
    arguments.add_argument("--folder", type=Path, default=None, help="a Maildir; default: .shopkeeper/inbox")
    chosen = arguments.parse_args()
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Inbox(chosen.folder, host=chosen.host, port=chosen.port) as inbox:
        print(f"e-mails to {inbox.url} are kept in {inbox.folder}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
