"""A real SMTP server for tests that does what a script says: takes e-mails, refuses them, is slow, or dies in the middle of one."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import threading
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

# What the server does with an e-mail to an address: a reply, or one of the words below.
ACCEPT, DIE_BEFORE_DATA, DIE_AFTER_DATA, KEEP_AND_DIE = "250 2.0.0 taken", "die before data", "die after data", "keep and die"
Script = Callable[[str], str]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class MailServer:
    """Listens while the context lasts; `mails` holds what it accepted, as (recipient, bytes)."""

    def __init__(self, script: Script | None = None, *, delay: float = 0, port: int | None = None, **settings: Any) -> None:
        self.script = script or (lambda recipient: ACCEPT)
        self.delay, self.mails, self.connections = delay, [], 0
        self.port, self._lock = port or free_port(), threading.Lock()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True, **settings)

    mails: list[tuple[str, bytes]]

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        reply = self.script(address)
        if re.match(r"[45]\d\d", reply):
            return reply
        if reply == DIE_BEFORE_DATA:
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        recipient = envelope.rcpt_tos[0]
        reply = self.script(recipient)
        await asyncio.sleep(self.delay)
        if reply == DIE_AFTER_DATA:
            server.transport.abort()
            return "421 gone"
        with self._lock:
            self.mails.append((recipient, envelope.original_content))
        if reply == KEEP_AND_DIE:
            server.transport.abort()
        return ACCEPT

    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.mails]

    def messages(self) -> list[EmailMessage]:
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(content) for _, content in self.mails]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, signed by itself."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
