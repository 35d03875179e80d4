"""Whether a webhook was sent by whom it says, after the Standard Webhooks specification 1.0 (symmetric signatures)."""

from __future__ import annotations

import base64
import binascii
import hmac

from shopkeeper.errors import fail

PREFIX, VERSION = "whsec_", "v1"
TOLERANCE_SECONDS = 300


class Forged(Exception):
    """The message is not to be believed. `args[0]` says why, in words that may be told to its sender."""


def key_of(secret: str) -> bytes:
    """The key in a secret as providers show it: Base64, with or without `whsec_` before it. Raises ValueError."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("is no Base64") from error
    if not key:
        raise ValueError("is empty")
    return key


def usable(where: str, secret: str) -> bytes:
    """The same of a secret in programmes.yml. Raises ShopkeeperError."""
    try:
        return key_of(secret)
    except ValueError as error:
        raise fail(f"{where} › webhook_secret", str(error), "write it as the provider shows it: whsec_ and Base64") from None


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"{VERSION},{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def verify(key: bytes, body: bytes, *, message_id: str, timestamp: str, signatures: str, now: float) -> None:
    """Raises Forged unless one of the signatures (separated by blanks) is ours and the time is within five minutes of `now`."""
    if not message_id or not timestamp or not signatures:
        raise Forged("webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise Forged("webhook-timestamp is no time")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Forged("webhook-timestamp is too far from our clock")
    # Compared as bytes: a signature may be any text, and compare_digest takes only ASCII as str.
    expected = sign(key, message_id, int(timestamp), body).encode()
    if not any(hmac.compare_digest(each.encode(errors="replace"), expected) for each in signatures.split(" ")):
        raise Forged("no signature fits")
