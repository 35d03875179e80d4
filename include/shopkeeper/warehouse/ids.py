"""Deterministic ids: the SQL function `ops.stable_id` (made by migration 0001) and this Python twin, tested equal."""

from __future__ import annotations

import hashlib
import uuid

SEPARATOR = chr(31)


def stable_id(namespace: str, *parts: str) -> uuid.UUID:
    """The id of a thing: md5 of namespace and natural key, joined by chr(31), as a UUID.

    A natural key of several parts is joined by chr(31) too, as `concat_ws(chr(31), …)` does in SQL.
    Not a secret and not a hash for security.
    """
    text = SEPARATOR.join((namespace, *parts))
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
