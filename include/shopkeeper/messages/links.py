"""Addresses of the desk that messages point to."""

from __future__ import annotations

import os
from urllib.parse import quote
from uuid import UUID

DESK_URL = "SHOPKEEPER_DESK_URL"


def desk_url() -> str:
    """Where our own people reach the desk, without a slash at the end."""
    return os.environ.get(DESK_URL, "http://127.0.0.1:8090").rstrip("/")


def desk_link() -> str:
    return f"{desk_url()}/desk"


def order_link(order_id: UUID) -> str:
    """One work order: everything that a caller needs, and the form for the attempt."""
    return f"{desk_url()}/desk/orders/{order_id}"


def answer_link(response_key: str) -> str:
    """One answer, to be thanked for or called about."""
    return f"{desk_url()}/desk/answers/{quote(response_key, safe='')}"
