"""The sandbox's own mail server, started as people start it."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest
from tests.survey.mail_server import free_port

from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import inbox


def test_what_it_takes_is_in_the_maildir(tmp_path: Path) -> None:
    # What the sandbox shows must be what a customer would get: the same bytes, umlauts, lines that begin with a dot, and to whom.
    port = free_port()
    command = [sys.executable, "-m", "shopkeeper.survey.inbox", "--port", str(port), "--folder", str(tmp_path / "inbox")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(inbox.__file__).parents[2])
    try:
        assert server.stdout is not None
        assert str(tmp_path / "inbox") in server.stdout.readline()
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for number in range(3):
                content = f"Subject: number {number}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n.Grüße\r\n".encode()
                smtp.sendmail("us@example.com", [f"c{number}@example.org"], content, mail_options=["SMTPUTF8"])
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
    found = list(inbox.messages(tmp_path / "inbox"))
    assert [message["Subject"] for message in found] == ["number 0", "number 1", "number 2"]
    assert [message["Delivered-To"] for message in found] == ["c0@example.org", "c1@example.org", "c2@example.org"]
    assert found[0].get_content() == ".Grüße\r\n"


def test_a_port_that_is_taken_is_said_to_be_so(tmp_path: Path) -> None:
    # Two of them at once would otherwise end in a stack trace, or in e-mails that nobody finds.
    with inbox.Inbox(tmp_path / "a", port=free_port()) as first, pytest.raises(ShopkeeperError, match="cannot listen there"):
        inbox.Inbox(tmp_path / "b", port=int(first.url.rpartition(":")[2])).__enter__()
