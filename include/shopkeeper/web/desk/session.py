"""Who is at the desk: signed links to log in by, signed sessions in a cookie, and what proves that a form is one of ours.

Nothing of it is kept. A token holds whom it is for, until when, and a random part, all signed for one purpose; what was signed for
one purpose is worth nothing for another. Renewing the keys (docs/desk.md) ends every link and session.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from shopkeeper.survey.links import Keys
from shopkeeper.warehouse.engine import secret

DESK_KEYS = "SHOPKEEPER_DESK_KEYS"
LINK_MINUTES, SESSION_HOURS = 30, 12
Purpose = Literal["link", "session"]
_MAC, _NONCE = 32, 12


@dataclass(frozen=True)
class Pass:
    """A genuine token's content; `nonce` tells two sessions of one employee apart."""

    employee_id: str
    expires_at: datetime
    nonce: str


def keys_from_environment() -> Keys:
    """`SHOPKEEPER_DESK_KEYS`, written like the keys of survey links; else those, which does where both pages run in one place.

    Raises ShopkeeperError for keys that cannot be used.
    """
    written = secret(DESK_KEYS)
    return Keys.read(written, DESK_KEYS) if written else Keys.from_environment()


def sign(keys: Keys, purpose: Purpose, employee_id: str, now: datetime) -> str:
    """A token for one employee: a link is good for LINK_MINUTES, a session for SESSION_HOURS."""
    lasts = timedelta(minutes=LINK_MINUTES) if purpose == "link" else timedelta(hours=SESSION_HOURS)
    key_id, key = keys.pairs[0]
    said = int((now + lasts).timestamp()).to_bytes(6, "big") + secrets.token_bytes(_NONCE) + employee_id.encode()
    return f"{base64.urlsafe_b64encode(_mac(key_id, key, purpose, said) + said).decode().rstrip('=')}.{key_id}"


def verify(keys: Keys, purpose: Purpose, token: str, now: datetime) -> Pass | None:
    """None for what we did not make, made for another purpose, or made too long ago."""
    written, _, key_id = token.rpartition(".")
    key = dict(keys.pairs).get(key_id)
    try:
        raw = base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    said = raw[_MAC:]
    if key is None or len(said) <= 6 + _NONCE or not hmac.compare_digest(raw[:_MAC], _mac(key_id, key, purpose, said)):
        return None
    expires_at = datetime.fromtimestamp(int.from_bytes(said[:6], "big"), UTC)
    if now >= expires_at:
        return None
    return Pass(said[6 + _NONCE :].decode(), expires_at, said[6 : 6 + _NONCE].hex())


def form_proof(keys: Keys, subject: str) -> str:
    """What a form of ours carries: nobody else can know it who cannot read our pages. `subject` is the session it was shown in."""
    key_id, key = keys.pairs[0]
    return _mac(key_id, key, "form", subject.encode()).hex()


def is_ours(keys: Keys, subject: str, proof: str) -> bool:
    """Whether a form was shown to the one who sent it, whichever key was the first then."""
    given = proof.encode(errors="replace")
    return any(hmac.compare_digest(given, _mac(key_id, key, "form", subject.encode()).hex().encode()) for key_id, key in keys.pairs)


def _mac(key_id: str, key: bytes, purpose: str, said: bytes) -> bytes:
    return hmac.digest(key, b"\x1f".join((b"shopkeeper desk", purpose.encode(), key_id.encode(), said)), "sha256")
