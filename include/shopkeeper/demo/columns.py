"""Arrays to columns of text, numbers and times, without a loop in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.demo.config import DAY, NEVER, NEVER_DAY, Array

PART_SPAN = 10_000_000  # numbers that one part may use per kind of record


def ids(prefix: str, numbers: Array, part: int | None = None, width: int = 10) -> pa.Array:
    """`V0000000012`; null for negative numbers. With a part, numbers of different parts never meet."""
    missing = numbers < 0
    shifted = np.where(missing, 0, numbers) + (0 if part is None else part * PART_SPAN)
    digits = pc.utf8_lpad(pa.array(shifted, mask=missing).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def person_ids(numbers: Array, first_number: int) -> pa.Array:
    """`C0000012` of customers numbered from 0 within a part; null for -1."""
    return ids("C", np.where(numbers < 0, -1, numbers + first_number), width=7)


def labels(codes: Array, names: Sequence[str | None]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(codes))


def moments(seconds: Array) -> pa.Array:
    """Naive timestamps; null for NEVER."""
    return pa.array(seconds.astype("datetime64[s]"), mask=seconds >= NEVER)


def days(numbers: Array) -> pa.Array:
    return pa.array(numbers.astype("datetime64[D]"), mask=numbers >= NEVER_DAY)


def money(cents: Array) -> pa.Array:
    return pa.array(cents / 100)


def numbers(values: Array) -> pa.Array:
    """Null for NaN."""
    return pa.array(values, mask=np.isnan(values))


def only_where(column: pa.Array, kept: Array) -> pa.Array:
    return pc.if_else(pa.array(kept), column, pa.scalar(None, column.type))


def evening(day: Array) -> Array:
    """Ten o'clock at night: when the day's bookings reach the ledger."""
    return day * DAY + 22 * 3600


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)
