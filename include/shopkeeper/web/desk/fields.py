"""What a form of the desk says. What nobody can act on raises ShopkeeperError, and the form is shown again with what was typed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from shopkeeper.errors import fail
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.web.desk.layout import Visit
from shopkeeper.web.pages import Refused

LONGEST = 4000


def key_of(visit: Visit, name: str) -> UUID:
    """An id of the address; what is none leads nowhere."""
    try:
        return UUID(visit.request.path_params[name])
    except ValueError:
        raise Refused("not_found") from None


def command_id(visit: Visit) -> UUID:
    """Names what is asked for, so that a form that is sent twice does it once. Two forms of one page ask for two things."""
    try:
        shown = UUID(visit.form.get("command_id", ""))
    except ValueError:
        raise Refused("bad_request") from None
    return stable_id("desk", visit.request.scope["path"], visit.form.get("step", ""), str(shown))


def text(visit: Visit, name: str) -> str | None:
    written = visit.form.get(name, "").strip()
    if len(written) > LONGEST:
        raise fail(name, f"the text has {len(written)} characters", f"shorten it to {LONGEST}")
    return written or None


def amount(visit: Visit, name: str = "amount") -> Decimal | None:
    """Money: `20`, `19.90`, `19,90`, `1.250,00` or `1,250.00`."""
    written = visit.form.get(name, "").replace(" ", "").replace("\N{NO-BREAK SPACE}", "").replace("'", "")
    if not written:
        return None
    whole, mark, cents = written[:-3], written[-3:-2], written[-2:]
    if mark not in (",", "."):
        whole, mark, cents = (written[:-2], written[-2:-1], written[-1:]) if written[-2:-1] in (",", ".") else (written, "", "")
    digits = whole.replace(",", "").replace(".", "") + ("." + cents if mark else "")
    try:
        return Decimal(digits) if digits.replace(".", "").isascii() and digits.replace(".", "").isdigit() else Decimal("x")
    except InvalidOperation:
        raise fail(name, "the amount cannot be read", "write it like 20 or 19.90") from None


def moment(visit: Visit, name: str) -> datetime | None:
    """A day and time on the company's clock."""
    written = visit.form.get(name, "").strip()
    if not written:
        return None
    try:
        return datetime.fromisoformat(written).replace(tzinfo=visit.folder.company.zone)
    except ValueError:
        raise fail(name, "the day and time cannot be read", "write them like 2026-03-31T14:00") from None


def day(visit: Visit, name: str) -> date:
    try:
        return date.fromisoformat(visit.form.get(name, "").strip())
    except ValueError:
        raise fail(name, "the day cannot be read", "write it like 2026-03-31") from None
