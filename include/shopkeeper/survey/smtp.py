"""Handing e-mails to a mail server over real SMTP, and telling apart what was accepted, what was not, and what nobody knows."""

from __future__ import annotations

import ipaddress
import re
import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from shopkeeper.errors import Problem, ShopkeeperError, fail

COMMAND_SECONDS = 60
# RFC 5321 4.5.3.2.6: whoever gives up earlier than ten minutes after the last dot makes doubtful what may have been accepted.
ACCEPT_SECONDS = 600
# So many refusals in a row that are not about a mailbox are about us: the sender is not admitted, or on a block list.
REFUSED_IN_A_ROW = 20
DEFAULT_PORT = {"smtp": 587, "smtps": 465}

_ENHANCED = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")
_LEADING_DOT = re.compile(rb"(?m)^\.")
# Enhanced codes that say the mailbox is not there (RFC 3463), and basic ones that say so where there is no enhanced one.
_NO_MAILBOX, _NO_MAILBOX_BASIC = re.compile(r"5\.(1\.\d+|2\.1)"), (550, 551, 553)
_SOFT_MAILBOX, _SOFT_MAILBOX_BASIC = re.compile(r"4\.[12]\.\d+"), (450, 452)


class MailServerDown(ShopkeeperError):
    """The mail server takes no mail at all. Nothing was lost: what was to be sent waits."""


@dataclass(frozen=True)
class MailServer:
    """Where to hand e-mails over. `tls`: from the first byte, by STARTTLS (demanded, with a valid certificate), or none."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, setting: str) -> MailServer:
        """smtp://user:password@host:587 speaks STARTTLS (on this machine: no TLS), smtps://… TLS; ?tls=none or starttls says otherwise.

        `setting` names the URL in errors, which never show it. Raises ShopkeeperError.
        """
        hint = "write smtp://user:password@host:587 or smtps://user:password@host; %-encode special characters of the password"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise fail(setting, "is no URL", hint) from None
        if parts.scheme not in DEFAULT_PORT or not host:
            raise fail(setting, "is no URL of a mail server", hint)
        asked = parse_qs(parts.query).get("tls", [None])[-1]
        usual: Literal["tls", "starttls", "none"] = "tls" if parts.scheme == "smtps" else "none" if is_local(host) else "starttls"
        if asked not in (None, "none", "starttls") or (asked and parts.scheme == "smtps"):
            raise fail(setting, "?tls= is neither none nor starttls", "use smtps:// for TLS from the first byte")
        tls = asked or usual
        if parts.username and tls == "none" and not is_local(host):
            raise fail(setting, "would send the password unencrypted", "leave out ?tls=none")
        user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
        return cls(host, port or DEFAULT_PORT[parts.scheme], tls, user, password)  # type: ignore[arg-type]

    @property
    def is_local(self) -> bool:
        return is_local(self.host)

    def down(self, what: str, hint: str) -> MailServerDown:
        return MailServerDown(Problem(f"mail server {self.host}:{self.port}", what, hint))


def is_local(host: str) -> bool:
    """Is it this machine, by its loopback?"""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@dataclass(frozen=True)
class Envelope:
    """One e-mail, ready to go: the message in wire format (CRLF), and `needs_utf8` where an address is not ASCII."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    needs_utf8: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the mail server said. `code` is like "550 5.1.1", never its text, which may hold an address.

    `is_about_mailbox`: the refusal is about the customer's mailbox, not about the message, the sender or the server.
    """

    status: Literal["sent", "refused", "deferred", "doubtful"]
    code: str | None = None
    is_about_mailbox: bool = False


class RateLimit:
    """So many e-mails a second over all threads that share it, evenly spaced."""

    def __init__(self, per_second: Decimal | float) -> None:
        self._gap, self._next, self._lock = 1 / float(per_second), 0.0, threading.Lock()

    def reserve(self) -> float:
        """Take the next place; returns how many seconds it is away."""
        with self._lock:
            now = time.monotonic()
            place = max(now, self._next)
            self._next = place + self._gap
            return place - now


class _ConnectionLost(Exception):
    """Before the end of the message was sent: the server cannot have accepted it."""


class Mailer:
    """One connection to a mail server, kept from e-mail to e-mail. For one thread; a context manager."""

    def __init__(self, server: MailServer) -> None:
        self.server, self._smtp = server, None  # type: tuple[MailServer, smtplib.SMTP | None]
        self._refused_in_a_row, self._last_code = 0, ""

    def __enter__(self) -> Mailer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
        self._drop()

    def connect(self) -> None:
        """Connect and log in where that has not been done. Raises MailServerDown."""
        if self._smtp is None:
            self._smtp = self._connected()

    def send(self, envelope: Envelope) -> Outcome:
        """Hand over one e-mail. A connection that breaks before the message is complete is made anew once.

        Raises MailServerDown when the server takes no mail at all; then this e-mail was certainly not accepted.
        """
        for is_last in (False, True):
            self.connect()
            try:
                outcome = self._hand_over(envelope)
                is_about_us = outcome.status == "refused" and not outcome.is_about_mailbox
                self._refused_in_a_row = self._refused_in_a_row + 1 if is_about_us else 0
                self._last_code = outcome.code or ""
                return outcome
            except _ConnectionLost as lost:
                self._drop()
                if is_last:
                    raise self.server.down(f"breaks off ({lost})", f"see its log; {_WAITS}") from None
        raise AssertionError("unreachable")

    def check(self) -> None:
        """Raises MailServerDown when it is us whom the server refuses: then nothing more is to be used up."""
        if self._refused_in_a_row >= REFUSED_IN_A_ROW:
            hint = "see its log: is our sender address admitted, are we on a block list? What is due waits"
            raise self.server.down(f"refuses every e-mail ({self._last_code})", hint)

    def _hand_over(self, envelope: Envelope) -> Outcome:
        smtp = self._smtp
        assert smtp is not None
        if envelope.needs_utf8 and not smtp.has_extn("smtputf8"):
            return Outcome("refused", "no SMTPUTF8")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []
        smtp.command_encoding = "utf-8" if envelope.needs_utf8 else "ascii"
        code, text = self._command(f"MAIL FROM:<{envelope.sender}>", *options)
        if code // 100 == 5 and code != 552:
            self._drop()
            raise self.server.down(
                f"refuses our sender address ({_code(code, text)})", "correct sender.address in programmes.yml, or its settings"
            )
        if code // 100 == 2:
            code, text = self._command(f"RCPT TO:<{envelope.recipient}>")
            if code // 100 == 2:
                code, text = self._command("DATA")
                if code == 354:
                    return self._hand_over_content(smtp, envelope.content)
            elif code // 100 in (4, 5):
                self._reset()
                return _refusal(code, text, is_of_recipient=True)
        self._reset()
        return _refusal(code, text)

    def _hand_over_content(self, smtp: smtplib.SMTP, content: bytes) -> Outcome:
        body = _LEADING_DOT.sub(b"..", content)
        try:
            smtp.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        except (smtplib.SMTPException, OSError) as error:
            raise _ConnectionLost(type(error).__name__) from None
        try:
            # From here on the server may have accepted it, whatever becomes of the connection.
            smtp.send(b".\r\n")
            if smtp.sock is not None:
                smtp.sock.settimeout(ACCEPT_SECONDS)
            code, text = smtp.getreply()
            if smtp.sock is not None:
                smtp.sock.settimeout(COMMAND_SECONDS)
        except (smtplib.SMTPException, OSError):
            self._drop()
            return Outcome("doubtful", "connection lost")
        if code // 100 == 2:
            return Outcome("sent", _code(code, text))
        if code // 100 not in (4, 5):
            self._drop()
            return Outcome("doubtful", "unreadable reply")
        if code == 421:
            self._drop()
        return _refusal(code, text)

    def _command(self, *words: str) -> tuple[int, bytes]:
        assert self._smtp is not None
        try:
            code, text = self._smtp.docmd(" ".join(words))
        except (smtplib.SMTPException, OSError) as error:
            raise _ConnectionLost(type(error).__name__) from None
        if code == 421 or code // 100 not in (2, 3, 4, 5):
            raise _ConnectionLost(_code(code, text))
        return code, text

    def _reset(self) -> None:
        try:
            self._command("RSET")
        except _ConnectionLost:
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    # --- connecting -----------------------------------------------------------------------------------------------------

    def _connected(self) -> smtplib.SMTP:
        server = self.server
        smtp: smtplib.SMTP | None = None
        try:
            context = ssl.create_default_context()
            if server.tls == "tls":
                smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=COMMAND_SECONDS, context=context)
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=COMMAND_SECONDS)
            smtp.ehlo_or_helo_if_needed()
            if server.tls == "starttls":
                smtp.starttls(context=context)
                smtp.ehlo()
            if server.user is not None:
                _log_in(smtp, server.user, server.password or "")
            # A message goes out in two writes; without this the second one waits for the first to be acknowledged.
            assert smtp.sock is not None
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (smtplib.SMTPException, OSError) as error:
            if smtp is not None:
                smtp.close()
            raise server.down(*_explained(error)) from None
        return smtp


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    try:
        smtp.login(user, password)
    except smtplib.SMTPServerDisconnected:  # some hang up on a wrong password
        raise smtplib.SMTPAuthenticationError(535, b"") from None


_WAITS = "what is due waits and goes out with the next run"
_MISTAKES: tuple[tuple[type[Exception], str, str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not valid", "correct the host name, or have the server's certificate renewed"),
    (ssl.SSLError, "does not speak TLS there", "smtps:// is for TLS from the first byte (port 465), smtp:// for STARTTLS (port 587)"),
    (smtplib.SMTPAuthenticationError, "refuses the login", "correct user and password in the URL; special characters must be %-encoded"),
    (smtplib.SMTPNotSupportedError, "offers no STARTTLS, or no login that we know", "use smtps://, or ask its administrator"),
    (smtplib.SMTPResponseException, "turns us away", f"see its log; {_WAITS}"),
    (socket.gaierror, "the host name is unknown", "correct the URL"),
    (ConnectionRefusedError, "nothing listens there", f"start it, or correct the URL; {_WAITS}"),
    (TimeoutError, "does not answer", f"see that it runs and that no firewall is in between; {_WAITS}"),
    (Exception, "breaks the connection", f"see its log; {_WAITS}"),
)


def _explained(error: Exception) -> tuple[str, str]:
    """What is wrong with a connection, and what to do. Never the server's text."""
    what, hint = next((what, hint) for kind, what, hint in _MISTAKES if isinstance(error, kind))
    detail = getattr(error, "verify_message", None) or getattr(error, "smtp_code", None) or type(error).__name__
    return f"{what} ({detail})", hint


def _refusal(code: int, text: bytes, *, is_of_recipient: bool = False) -> Outcome:
    found = _code(code, text)
    enhanced = found[4:]
    if code // 100 == 5:
        mailbox = bool(_NO_MAILBOX.fullmatch(enhanced)) if enhanced else is_of_recipient and code in _NO_MAILBOX_BASIC
        return Outcome("refused", found, mailbox)
    mailbox = bool(_SOFT_MAILBOX.fullmatch(enhanced)) if enhanced else is_of_recipient and code in _SOFT_MAILBOX_BASIC
    return Outcome("deferred", found, mailbox)


def _code(code: int, text: bytes) -> str:
    match = _ENHANCED.match(text)
    return f"{code} {match[1].decode()}" if match else str(code)
