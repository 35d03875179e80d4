"""Links of the survey page: an invitation and an expiry, signed, in one short text that is safe in a URL.

A token is 48 characters of URL-safe Base64, a dot, and the id of the key that signed it. The 48 characters are exactly
36 bytes: the invitation (16), the second of expiry (4), and the first 16 of an HMAC-SHA256 over both and the key's id.
No character carries unused bits, so there is one token per invitation, expiry and key, and none that only looks like it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from shopkeeper.errors import fail
from shopkeeper.warehouse.embedded import home, kept_secret
from shopkeeper.warehouse.engine import secret

SURVEY_URL, LINK_KEYS = "SHOPKEEPER_SURVEY_URL", "SHOPKEEPER_LINK_KEYS"
OWN_KEY_FILE = "survey-link-key"
SHORTEST_SECRET = 24
_TOKEN = re.compile(r"([A-Za-z0-9_-]{48})\.([a-z0-9]{1,16})", re.ASCII)
_KEY = re.compile(r"([a-z0-9]{1,16}):(\S+)", re.ASCII)


@dataclass(frozen=True)
class Ticket:
    """What a genuine token says. `expires_at` is in UTC, to the second. With one that `is_test` nothing is ever recorded."""

    invitation_id: UUID
    expires_at: datetime
    is_test: bool = False


class LinkRefused(Exception):
    """`forged`: we did not make it. `expired`: we did, and `ticket` is what it says; one may still unsubscribe with it."""

    def __init__(self, reason: Literal["forged", "expired"], ticket: Ticket | None = None) -> None:
        self.reason, self.ticket = reason, ticket
        super().__init__(reason)


@dataclass(frozen=True)
class Keys:
    """Keys by id: the first signs, all verify. Renew them by putting a new one in front; drop an old one when its links have expired."""

    pairs: Sequence[tuple[str, bytes]] = field(repr=False)

    @classmethod
    def from_environment(cls) -> Keys:
        """`SHOPKEEPER_LINK_KEYS="id:secret,id:secret"` (or `…_FILE`), else one key made once and kept under the home folder.

        Raises ShopkeeperError for ids or secrets that cannot be used; it never shows a secret.
        """
        if written := secret(LINK_KEYS):
            return cls.read(written)
        home().mkdir(parents=True, exist_ok=True)
        return cls([("0", kept_secret(home() / OWN_KEY_FILE).encode())])

    @classmethod
    def read(cls, written: str, setting: str = LINK_KEYS) -> Keys:
        """Keys as they are written in a setting, which errors name. Raises ShopkeeperError."""
        hint = "write id:secret,id:secret, ids of small letters and digits; python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        pairs: dict[str, bytes] = {}
        for place, part in enumerate(written.split(","), 1):
            match = _KEY.fullmatch(part.strip())
            if match is None:
                raise fail(setting, f"key {place} is not written as id:secret", hint)
            if len(match[2]) < SHORTEST_SECRET:
                raise fail(setting, f"the secret of key {match[1]} has fewer than {SHORTEST_SECRET} characters", hint)
            if match[1] in pairs:
                raise fail(setting, f"there are two keys {match[1]}", "give each an id of its own; ids are never used again")
            pairs[match[1]] = match[2].encode()
        return cls(list(pairs.items()))

    def sign(self, invitation_id: UUID, expires_at: datetime, *, is_test: bool = False) -> str:
        """The token of an invitation: 50 to 65 characters of A-Z a-z 0-9 - _ and one dot. It ends in a letter or digit,
        so that mail programs that find links in plain text do not cut it. `expires_at` is cut to the second.

        A token of a test e-mail (`is_test`) shows the survey of that invitation to staff, and can do nothing else: what it is
        for goes into the signature, so that nobody can make the one kind from the other.
        """
        key_id, key = self.pairs[0]
        said = invitation_id.bytes + int(expires_at.timestamp()).to_bytes(4, "big")
        return f"{base64.urlsafe_b64encode(said + _mac(key_id, key, said, is_test=is_test)).decode()}.{key_id}"

    def verify(self, token: str, now: datetime) -> Ticket:
        """What a token says. Raises LinkRefused when it is forged, or expired at `now`."""
        match = _TOKEN.fullmatch(token)
        key = dict(self.pairs).get(match[2]) if match else None
        if match is None or key is None:
            raise LinkRefused("forged")
        raw = base64.urlsafe_b64decode(match[1])
        said, mac = raw[:20], raw[20:]
        is_test = hmac.compare_digest(mac, _mac(match[2], key, said, is_test=True))
        if not is_test and not hmac.compare_digest(mac, _mac(match[2], key, said)):
            raise LinkRefused("forged")
        ticket = Ticket(UUID(bytes=said[:16]), datetime.fromtimestamp(int.from_bytes(said[16:], "big"), UTC), is_test)
        if now >= ticket.expires_at:
            raise LinkRefused("expired", ticket)
        return ticket

    def keyed_hash(self, *parts: str) -> str:
        """Tells two things apart, or that they are one, without saying what they are; 32 hex digits. It changes with the first key."""
        text = "\x1f".join(("client", *parts))
        return hmac.new(self.pairs[0][1], text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _mac(key_id: str, key: bytes, said: bytes, *, is_test: bool = False) -> bytes:
    purpose = b"shopkeeper test link" if is_test else b"shopkeeper survey link"
    return hmac.digest(key, b"\x1f".join((purpose, key_id.encode(), said)), "sha256")[:16]


def survey_url() -> str:
    """Where customers reach the survey page, without a slash at the end."""
    return os.environ.get(SURVEY_URL, "http://127.0.0.1:8090").rstrip("/")


def page_link(token: str, score: int | None = None) -> str:
    """The survey; with a score, the page opens with it chosen (nothing is recorded until the customer sends it)."""
    return f"{survey_url()}/s/{token}" + ("" if score is None else f"?score={score}")


def unsubscribe_link(token: str) -> str:
    """Takes a POST of `List-Unsubscribe=One-Click` (RFC 8058), and shows a page with a button to people."""
    return f"{survey_url()}/u/{token}"
