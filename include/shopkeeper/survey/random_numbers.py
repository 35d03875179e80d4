"""Permanent random numbers: the same for ever for one salt and id, so that a sample can be drawn again and checked by anyone.

Each choice about a wave has a salt of its own, made from the wave's; otherwise who is drawn would depend on when he is asked.
"""

from __future__ import annotations

import hashlib

from shopkeeper.warehouse.typing import literal

SPAN = 2**32


def random_number(salt: str, unit: str) -> float:
    """A number in [0, 1) for an id under a salt; `sql` is its twin."""
    return int(hashlib.md5(f"{salt}|{unit}".encode(), usedforsecurity=False).hexdigest()[:8], 16) / SPAN


def sql(salt: str, unit: str) -> str:
    """SQL (double precision) for the random number of `unit`, itself SQL for a text, under a salt."""
    hashed = f"md5({literal(salt + '|')} || {unit})"
    return f"(cast(cast(cast('x' || substr({hashed}, 1, 8) as bit(32)) as bigint) as double precision) / {SPAN})"
