"""Where e-mails go: to a sandbox unless this machine and this database were both told, each by itself, that they are the live ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.survey.smtp import MailServer
from shopkeeper.warehouse.engine import secret
from shopkeeper.warehouse.tables import INSTANCE

DELIVERY, INSTANCE_ID, LIVE_URL = "SHOPKEEPER_DELIVERY", "SHOPKEEPER_INSTANCE_ID", "SMTP_URL"
SANDBOX_URL, SANDBOX_ALLOW = "SHOPKEEPER_SANDBOX_SMTP_URL", "SHOPKEEPER_SANDBOX_ALLOW"
OWN_INBOX = "smtp://127.0.0.1:1025"
EVERYBODY = "*"


@dataclass(frozen=True)
class Mode:
    """`only`: in the sandbox, the addresses that may be written to; None means any, as the server keeps all of it to itself."""

    delivery: Literal["sandbox", "live"]
    server: MailServer
    only: frozenset[str] | None = None

    def admits(self, address: str) -> bool:
        return self.only is None or address.casefold() in self.only


def current(connection: sa.Connection) -> Mode:
    """The mode that the environment and this database agree on.

    `live` needs SHOPKEEPER_DELIVERY=live, SHOPKEEPER_INSTANCE_ID equal to this database's own id, and SMTP_URL. A restored backup
    has a new id, and a laptop with a copy of the live settings has another database: both send nothing. Raises ShopkeeperError
    for settings that do not go together; it never falls from one mode into the other.
    """
    chosen = os.environ.get(DELIVERY, "").strip() or "sandbox"
    if chosen == "sandbox":
        return _sandbox()
    if chosen != "live":
        raise fail(DELIVERY, "is neither sandbox nor live", f"set it to live on the machine that sends to customers; else unset {DELIVERY}")
    own = connection.scalar(sa.select(INSTANCE.c.instance_id))
    named = os.environ.get(INSTANCE_ID, "").strip()
    if not named:
        hint = f"set {INSTANCE_ID} to the id in ops.instance, once you are sure that this database is the live one"
        raise fail(INSTANCE_ID, "is not set, and live delivery needs it; nothing is sent", hint)
    if named.casefold() != str(own):
        hint = f"on a copy or a laptop unset {DELIVERY}; on the live machine set {INSTANCE_ID} to the id in ops.instance"
        raise fail(INSTANCE_ID, "names another database than this one, which may be a restored copy; nothing is sent", hint)
    url = secret(LIVE_URL)
    if not url:
        raise fail(LIVE_URL, "is not set, and live delivery needs a mail server", f"set {LIVE_URL}=smtp://user:password@host:587")
    return Mode("live", MailServer.parse(url, LIVE_URL))


def _sandbox() -> Mode:
    server = MailServer.parse(secret(SANDBOX_URL) or OWN_INBOX, SANDBOX_URL)
    allowed = frozenset(part.strip().casefold() for part in os.environ.get(SANDBOX_ALLOW, "").split(",") if part.strip())
    if EVERYBODY in allowed:
        return Mode("sandbox", server)
    if not allowed and not server.is_local:
        hint = f"list the addresses that it may write to in {SANDBOX_ALLOW}, or set it to * for a server that delivers nothing onward"
        raise fail(SANDBOX_URL, f"{server.host} is another machine, and might deliver to customers", hint)
    return Mode("sandbox", server, allowed or None)
