"""What comes back by e-mail: bounces and complaints as mail servers write them, and reminders to those of whom nothing came."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.mail_server import ImapServer, MailServer
from tests.survey.mail_server import certificate as certificate_for
from tests.survey.people import customer, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import bounces, control, delivery, ledger, reminders

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

# As Postfix writes it, shortened (RFC 3464): the failed address, its status, and the original's headers.
BOUNCE = """\
From: MAILER-DAEMON@mx.example.org
To: service@brunnenhof.example
Subject: Undelivered Mail Returned to Sender
Date: Mon, 2 Mar 2026 12:05:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Mon, 2 Mar 2026 12:00:00 +0000

Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} nobody here

--b
Content-Type: {original}

{headers}

--b--
"""
# RFC 5965, as a feedback loop sends it.
COMPLAINT = """\
From: feedback@provider.example
To: service@brunnenhof.example
Subject: FW: a question
Date: Mon, 2 Mar 2026 13:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an e-mail abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeLoop/1.0
Version: 1
Original-Rcpt-To: <{address}>

--b
Content-Type: message/rfc822

From: Brunnenhof <service@brunnenhof.example>
Message-ID: <{invitation}.invitation@brunnenhof.example>
Subject: a question

Hello
--b--
"""


class Post:
    """A Maildir that reports are delivered to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.box = mailbox.Maildir(folder, create=True)

    def bounce(
        self, invitation: UUID, status: str, *, message: str = "invitation", address: str = "a@example.org", action: str = "failed",
        original: str = "message/rfc822", header: str = "Message-ID: <{id}@brunnenhof.example>",
    ) -> None:  # fmt: skip
        headers = f"Subject: a question\n{header.format(id=f'{invitation}.{message}')}\n\nHello"
        self.box.add(BOUNCE.format(address=address, status=status, action=action, original=original, headers=headers).encode())

    def complaint(self, invitation: UUID, address: str = "a@example.org") -> None:
        self.box.add(COMPLAINT.format(invitation=invitation, address=address).encode())


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path / "bounces")


@pytest.fixture
def folder(make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch) -> CompanyFolder:
    monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", "1:a-secret-of-more-than-24-characters")
    return make_programmes(nps={"reminder": {"after_days": 7}}, quiet={"reminder": None})


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    for name in ("SHOPKEEPER_DELIVERY", "SHOPKEEPER_SANDBOX_ALLOW"):
        monkeypatch.delenv(name, raising=False)
    with MailServer() as mail:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
        yield mail


def sent(
    engine: sa.Engine, folder: CompanyFolder, *names: str, programme: str = "nps", wave: str = "w1", at: datetime = NOON
) -> list[UUID]:
    """Customers who were sent an invitation."""
    put(engine, "customers", [customer(name) for name in names])
    ids = put_invitations(engine, put_wave(engine, folder, programme, at, name=wave), names, at, in_queue=False)
    with engine.begin() as connection:
        ledger.record_all(connection, (ledger.Event(each, "sent", at, message="invitation") for each in ids))
    return ids


def blocks(engine: sa.Engine) -> list[tuple[str, str | None, bool]]:
    return [(block.kind, block.customer_id, block.address_hash is not None) for block in control.list_blocks(engine)]


def read(engine: sa.Engine, post: Post) -> dict[str, int]:
    return bounces.read(engine, url=str(post.folder), now=NOON + timedelta(hours=2))


def test_a_hard_bounce_and_a_complaint_block_at_once(warehouse: sa.Engine, folder: CompanyFolder, post: Post) -> None:
    # Writing again to addresses that do not exist, or to people who called us spam, gets all our e-mail refused before long.
    a, b = sent(warehouse, folder, "A", "B")
    post.bounce(a, "5.1.1")
    post.complaint(b, "b@example.org")
    assert read(warehouse, post) == {"hard": 1, "complaint": 1}
    assert sorted(blocks(warehouse)) == [("complaint", "B", True), ("hard_bounce", None, True)]
    with warehouse.connect() as connection:
        query = f"select customer_id, state from ({ledger.INVITATION_STATES}) as states inner join ops.invitations using (invitation_id)"
        assert dict(connection.execute(sa.text(query)).all()) == {"A": "bounced", "B": "complained"}  # type: ignore[arg-type]
    assert read(warehouse, post) == {}, "what has been seen is not read again"
    post.bounce(a, "5.1.1")
    assert read(warehouse, post) == {"known": 1}, "nor recorded twice when it comes twice"
    assert len(blocks(warehouse)) == 2


def test_three_soft_bounces_in_a_row(warehouse: sa.Engine, folder: CompanyFolder, post: Post) -> None:
    # A full mailbox is no dead one; but one that has refused three of our e-mails, without a word in between, is as good as dead.
    first = [sent(warehouse, folder, "A", wave=f"w{number}", at=NOON - timedelta(days=200 * number))[0] for number in (3, 2, 1)]
    post.bounce(first[0], "5.2.2")
    post.bounce(first[1], "4.4.7")
    assert read(warehouse, post) == {"soft": 2}
    with warehouse.begin() as connection:
        ledger.record(connection, first[1], "completed", occurred_at=NOON)
    post.bounce(first[2], "4.2.1")
    read(warehouse, post)
    assert blocks(warehouse) == [], "an answer in between shows that the mailbox lives"
    for wave in ("w4", "w5"):
        post.bounce(sent(warehouse, folder, "A", wave=wave)[0], "4.2.2")
    read(warehouse, post)
    assert blocks(warehouse) == [("soft_bounces", None, True)]


@pytest.mark.parametrize(
    ("original", "header"),
    [
        ("message/rfc822", "X-Invitation: {id}"),  # the relay gave it a Message-ID of its own
        ("text/rfc822-headers", "Message-Id: <{id}@brunnenhof.example>"),
        ("text/plain", "> Message-ID: <{id}@brunnenhof.example>"),
    ],
)
def test_the_e_mail_is_found_however_it_is_named(
    warehouse: sa.Engine, folder: CompanyFolder, post: Post, original: str, header: str
) -> None:
    # Every mail server sends back another part of the original; a bounce that is not understood is a dead address kept for ever.
    (a,) = sent(warehouse, folder, "A")
    post.bounce(a, "5.1.10", original=original, header=header)
    assert read(warehouse, post) == {"hard": 1}


def test_what_is_no_bounce_blocks_nobody(warehouse: sa.Engine, folder: CompanyFolder, post: Post) -> None:
    # People answer to the same address, servers report mere delays, and anybody can forge a bounce of an e-mail that we never sent.
    (a,) = sent(warehouse, folder, "A")
    post.bounce(a, "4.4.1", action="delayed")
    post.bounce(UUID(int=7), "5.1.1")
    post.box.add(f"From: a@example.org\nSubject: Re: a question\nIn-Reply-To: <{a}.invitation@brunnenhof.example>\n\nThanks!".encode())
    post.box.add(b"\xff\xfe not an e-mail at all")
    assert read(warehouse, post) == {"other": 3, "unknown": 1}
    assert blocks(warehouse) == []


def test_bounces_from_an_imap_folder(
    warehouse: sa.Engine, folder: CompanyFolder, post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Most bounce mailboxes are somebody's IMAP folder: each is read once, over TLS, and errors never show the password.
    certificate, key = certificate_for(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (a,) = sent(warehouse, folder, "A")
    post.bounce(a, "5.1.1")
    server = ImapServer([b"Subject: hello\r\n\r\nhello", post.box.get_bytes(post.box.keys()[0])], certificate, key)
    monkeypatch.setenv("BOUNCE_MAILBOX", f"imaps://us:wrong%20word@localhost:{server.port}/bounces")
    with pytest.raises(ShopkeeperError, match="refuses the login") as refused:
        bounces.read(warehouse, now=NOON)
    assert "wrong" not in str(refused.value)
    monkeypatch.setenv("BOUNCE_MAILBOX", f"imaps://us:pass%20word@localhost:{server.port}/bounces")
    assert bounces.read(warehouse, now=NOON) == {"other": 1, "hard": 1}
    assert bounces.read(warehouse, now=NOON) == {}
    server.close()


def test_reminders_go_to_those_who_were_silent(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A reminder to somebody who has answered, complained, or never got the first e-mail is the quickest way to lose a customer.
    names = ("silent", "answered", "submitted", "landed", "bounced", "optout", "late")
    ids = dict(zip(names, sent(warehouse, folder, *names), strict=True))
    sent(warehouse, folder, "quiet", programme="quiet")
    put_invitations(warehouse, put_wave(warehouse, folder, "nps", NOON, name="w9"), ["never"], NOON, in_queue=False)
    with warehouse.begin() as connection:
        for name, event in (("answered", "completed"), ("bounced", "bounced"), ("optout", "opted_out")):
            ledger.record(connection, ids[name], event, occurred_at=NOON)
        connection.execute(
            sa.text("insert into pii.survey_submissions (invitation_id, is_complete, locale, score) values (:id, false, 'en', 9)"),
            {"id": ids["submitted"]},
        )
    put(
        warehouse,
        "survey_responses",
        [{"provider": "x", "account": "", "native_id": "1", "invitation_id": str(ids["landed"]), "responded_at": NOON}],
    )

    assert reminders.queue(warehouse, folder, now=NOON + timedelta(days=6, hours=23)) == 0
    week_on = NOON + timedelta(days=7)
    assert reminders.queue(warehouse, folder, now=week_on) == 2
    assert reminders.queue(warehouse, folder, now=week_on) == 0
    with warehouse.begin() as connection:  # between queueing and sending, one of the two answers
        ledger.record(connection, ids["late"], "partial", occurred_at=week_on)
    result = delivery.send_due(warehouse, folder, clock=lambda: week_on)
    assert (result.ended["sent"], result.not_sent) == (1, {"answered": 1})
    (message,) = mail.messages()
    assert message["Subject"].startswith("Reminder: ")
    assert message["Message-ID"] == f"<{ids['silent']}.reminder@brunnenhof.example>"
    assert reminders.queue(warehouse, folder, now=week_on + timedelta(days=9)) == 0, "one reminder, and no more"


def test_what_could_not_be_sent_in_time_is_said_to_be_so(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A wave that was paused until it was too late must not stay in the queue for ever, nor go out with links that have expired.
    put_invitations(warehouse, put_wave(warehouse, folder, "nps", NOON), ["A"], NOON)
    control.pause(warehouse, programme=None, reason="strike", actor="ann", now=NOON)
    late = NOON + timedelta(days=31)
    delivery.send_due(warehouse, folder, clock=lambda: late)
    assert reminders.drop_late(warehouse, now=late) == 1
    with warehouse.connect() as connection:
        assert ledger.contradictions(connection) == []
        assert connection.execute(sa.text("select event, reason from ops.invitation_events")).all() == [("not_sent", "expired")]
    assert mail.mails == []
