"""Deterministic ids: one SQL function and this Python twin, tested equal."""

from __future__ import annotations

import hashlib
import uuid

SEPARATOR = chr(31)

CREATE_SQL = """
create or replace function ops.stable_id(namespace text, natural_key text) returns uuid
language sql immutable strict parallel safe
return md5(namespace || chr(31) || natural_key)::uuid
"""


def stable_id(namespace: str, *parts: str) -> uuid.UUID:
    """The id of a thing: md5 of namespace and natural key, joined by chr(31), as a UUID.

    A natural key of several parts is joined by chr(31) too, as `concat_ws(chr(31), …)` does in SQL.
    Not a secret and not a hash for security.
    """
    text = SEPARATOR.join((namespace, *parts))
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
