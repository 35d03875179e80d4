"""What comes back: delivery-status notifications (RFC 3464) and spam complaints (RFC 5965), read from a mailbox.

Each names the e-mail that it is about, by a header that we gave it or by its Message-ID. A hard bounce blocks the address at
once, three soft ones in a row do too, a complaint blocks the person as well. Anything else in the mailbox is left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.survey import ledger, mailboxes, suppression
from shopkeeper.survey.current import newest
from shopkeeper.survey.ledger import Message
from shopkeeper.survey.mail import INVITATION_HEADER
from shopkeeper.survey.packet import NOW_KNOWN
from shopkeeper.warehouse.engine import secret

_OURS = re.compile(r"\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(invitation|reminder)\b", re.IGNORECASE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
# Permanent by their first digit, and yet not about whether the mailbox exists: it is full, or the message is not liked (RFC 3463).
_SOFT = re.compile(r"4\..*|5\.2\.[23]|5\.3\..*|5\.4\..*|5\.6\..*|5\.7\..*")


@dataclass(frozen=True)
class Report:
    """One report: which e-mail, what became of it, the status code, and the address that it was about."""

    invitation_id: UUID
    message: Message
    kind: Literal["hard", "soft", "complaint"]
    code: str | None
    address: str | None
    occurred_at: datetime


def read(engine: sa.Engine, *, now: datetime, url: str | None = None, note: Callable[[str], None] = lambda text: None) -> dict[str, int]:
    """Take in every report in the mailbox; returns how many there were of each kind: hard, soft, complaint, known, unknown, other.

    `url` as in `mailboxes.open_mailbox`, default: BOUNCE_MAILBOX of the environment; where there is none, nothing is read.

    A report is marked as seen once what it says is committed, and recorded once however often it is read. Raises ShopkeeperError
    when the mailbox cannot be read.
    """
    url = url or secret(mailboxes.SETTING)
    if not url:
        return {}
    counts: Counter[str] = Counter()
    with mailboxes.open_mailbox(url) as mailbox:
        for content, mark_as_seen in mailbox:
            report = understand(BytesParser(policy=policy.default).parsebytes(content), now)
            kind = record(engine, report, now) if report else "other"
            counts[kind] += 1
            mark_as_seen()
    note(f"{counts.total()} e-mails read from the bounce mailbox")
    return dict(counts)


def understand(message: EmailMessage, now: datetime) -> Report | None:
    """The report in an e-mail; None for anything else, also for a mere delay and for e-mails that are not ours."""
    kind = str(message.get_param("report-type") or "").lower()
    if message.get_content_type() != "multipart/report" or kind not in ("delivery-status", "feedback-report"):
        return None
    found = _about(message)
    if found is None:
        return None
    occurred_at = min(_date(message) or now, now)
    if kind == "feedback-report":
        fields = _fields(message, "message/feedback-report")
        if _first(fields, "feedback-type").lower() != "abuse":
            return None
        return Report(*found, "complaint", "abuse", _address(_first(fields, "original-rcpt-to")), occurred_at)
    fields = _fields(message, "message/delivery-status")
    failed = next((block for block in fields if str(block.get("action", "")).strip().lower() == "failed"), None)
    if failed is None:
        return None
    status = _STATUS.search(str(failed.get("status", "")))
    code = status[1] if status else "5.0.0"
    address = _address(str(failed.get("original-recipient") or failed.get("final-recipient") or ""))
    return Report(*found, "soft" if _SOFT.fullmatch(code) else "hard", code, address, occurred_at)


def record(engine: sa.Engine, report: Report, now: datetime) -> str:
    """Write down what a report says, and block whom it is about where that follows; returns its kind, or `known` or `unknown`."""
    event = "complained" if report.kind == "complaint" else "bounced"
    with engine.begin() as connection:
        invitation = connection.execute(
            sa.text("select customer_id, employee_id from ops.invitations where invitation_id = :id for update"),
            {"id": report.invitation_id},
        ).one_or_none()
        if invitation is None:
            return "unknown"
        query = "select cast(:id as uuid), :message, :event, :code, :reason, cast(:occurred_at as timestamptz)"
        given: dict[str, Any] = {"id": report.invitation_id, "message": report.message, "event": event, "code": report.code}
        given |= {"reason": report.kind, "occurred_at": report.occurred_at}
        columns = ("invitation_id", "message", "event", "code", "reason", "occurred_at")
        if not ledger.record_many(connection, columns, query, given, once=True):
            return "known"
        kind: suppression.Kind | None = None
        if report.kind == "complaint":
            kind = "complaint"
        elif report.kind == "hard":
            kind = "hard_bounce"
        elif _soft_in_a_row(connection, invitation.customer_id, invitation.employee_id) >= suppression.SOFT_BOUNCES:
            kind = "soft_bounces"
        if kind is not None:
            person_id = (invitation.customer_id or invitation.employee_id) if kind == "complaint" else None
            suppression.block(
                connection,
                kind,
                invitation_id=report.invitation_id,
                reason=report.code or "",
                now=now,
                person_id=person_id,
                address=report.address or _current_address(connection, invitation.customer_id),
            )
    return report.kind


def _soft_in_a_row(connection: sa.Connection, customer_id: str | None, employee_id: str | None) -> int:
    """Soft bounces of one person since he or she was last heard from."""
    who = "customer_id = :person_id" if customer_id else "customer_id is null and employee_id = :person_id"
    query = f"""
        with told as (
            select events.event, events.reason, events.event_id
            from ops.invitation_events as events
            inner join ops.invitations using (invitation_id)
            where {who}
        )
        select count(*) from told
        where event = 'bounced' and reason = 'soft' and event_id > coalesce(
            (select max(event_id) from told where event in ('delivered', 'opened', 'started', 'partial', 'completed', 'answered')), 0
        )
    """
    return int(connection.scalar(sa.text(query), {"person_id": customer_id or employee_id}) or 0)


def _current_address(connection: sa.Connection, customer_id: str | None) -> str | None:
    """Where a report does not say: the customer's address as it is now."""
    among = "select cast(:customer_id as text)"
    query = f"select email from ({newest('customers', pii=('email',), among=among)}) as found"
    return connection.scalar(sa.text(query), {"customer_id": customer_id, "known_at": NOW_KNOWN}) if customer_id else None


# --- the parts of a report --------------------------------------------------------------------------------------------


def _about(message: EmailMessage) -> tuple[UUID, Message] | None:
    """Which of our e-mails: by the header that we gave it, or its Message-ID, in what the report sends back of it."""
    for part in message.walk():
        for header in (INVITATION_HEADER, "Message-ID", "References", "In-Reply-To"):
            if (value := part.get(header)) and (found := _OURS.search(str(value))):
                return UUID(found[1]), _message(found[2])
    for part in message.walk():  # text/rfc822-headers holds the original's headers as text
        if part.get_content_maintype() == "text":
            text = part.get_payload(decode=True)
            if isinstance(text, bytes) and (found := _OURS.search(text.decode(errors="replace"))):
                return UUID(found[1]), _message(found[2])
    return None


def _message(written: str) -> Message:
    return "reminder" if written.lower() == "reminder" else "invitation"


def _fields(message: EmailMessage, content_type: str) -> list[Any]:
    """The blocks of fields of a report's machine-readable part."""
    for part in message.walk():
        if part.get_content_type() == content_type:
            payload: Any = part.get_payload()
            if isinstance(payload, list):
                return payload
            return [BytesParser(policy=policy.default).parsebytes(str(payload).strip().encode() + b"\r\n\r\n")]
    return []


def _first(fields: list[Any], name: str) -> str:
    return next((str(block[name]).strip() for block in fields if block.get(name)), "")


def _address(written: str) -> str | None:
    """`rfc822; someone@example.org` or `<someone@example.org>` → the address."""
    address = written.rpartition(";")[2].strip().strip("<>").strip()
    return address if "@" in address else None


def _date(message: EmailMessage) -> datetime | None:
    try:
        found = parsedate_to_datetime(str(message["Date"]))
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
