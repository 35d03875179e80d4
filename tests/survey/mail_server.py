"""A real SMTP server for tests that does what a script says: takes e-mails, refuses them, is slow, or dies in the middle of one."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
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


_HELD: list[socket.socket] = []


def dead_port() -> int:
    """A port at which nobody listens, nor will: it stays taken, so that no other test's server comes up there."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    port: int = held.getsockname()[1]
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


class ImapServer:
    """As much of IMAP (RFC 9051) as reading and marking e-mails needs, over TLS; `seen` are the numbers that were marked."""

    def __init__(self, mails: Sequence[bytes], certificate: Path, key: Path, *, user: str = "us", password: str = "pass word") -> None:
        self.mails, self.seen, self.login = mails, set[int](), f'"{user}" "{password}"'
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                with plain, self._context.wrap_socket(plain, server_side=True) as client, client.makefile("rwb") as talk:
                    talk.write(b"* OK ready\r\n")
                    talk.flush()
                    for line in talk:
                        for reply in self._answer(*line.decode().strip().split(" ", 2)):
                            talk.write(reply + b"\r\n")
                        talk.flush()
            except ssl.SSLError:
                continue
            except OSError:
                return

    def _answer(self, tag: str, command: str, rest: str = "") -> list[bytes]:
        done = f"{tag} OK done".encode()
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1", done]
        if command == "LOGIN" and rest.replace("us ", '"us" ') != self.login:
            return [f"{tag} NO [AUTHENTICATIONFAILED] wrong".encode()]
        if command == "SELECT":
            return [f"* {len(self.mails)} EXISTS".encode(), done]
        if rest.startswith("SEARCH") or rest.startswith("search"):
            return [b"* SEARCH " + b" ".join(b"%d" % n for n in range(1, len(self.mails) + 1) if n not in self.seen), done]
        if command == "UID" and rest.lower().startswith("fetch"):
            number = int(rest.split()[1])
            mail = self.mails[number - 1]
            return [b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)" % (number, number, len(mail), mail), done]
        if command == "UID" and rest.lower().startswith("store"):
            self.seen.add(int(rest.split()[1]))
        return [done]
