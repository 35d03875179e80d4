"""Invitations and what was known when they were sent, from `int_predicted__moments`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.drivers.levels import Driver, measured, named
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.drivers.reading import coded, numbers
from shopkeeper.analysis.predicted.models import BANDS, Known
from shopkeeper.analysis.predicted.study import Asked

MOST_ANSWERS = 200_000
NAMED = (
    *("segment", "region", "acquisition_channel", "tenure_band", "value_band", "previous_band"),
    *("interaction_type", "interaction_subtype", "outcome", "channel", "product_category"),
)
MEASURED = ("tenure_days", "interactions", "complaints", "worst_call_before", "failed_interaction_score", "hours_to_resolution")
GROUPS = ("segment", "region", "tenure_band", "value_band")
_MOMENTS = f"""
    select programme, metric, invitation_id, customer_id, band, {", ".join(NAMED)}, {", ".join(MEASURED)},
        invited_on, responded_on, is_silent
    from intermediate.int_predicted__moments
    order by programme, invitation_id
"""


@dataclass(frozen=True)
class Programme:
    """All invitations of one programme that were answered on one scale, and those of its silent customers."""

    programme: str
    metric: str
    asked: Asked
    invitation: pa.Array
    customer: pa.Array


def read(connection: sa.Connection) -> Iterator[Programme]:
    """Each programme and metric with answers, where somebody asked is silent."""
    yield from programmes(columns.read(connection, _MOMENTS))


def programmes(table: pa.Table) -> Iterator[Programme]:
    """The same from a table with the columns of the model, in the order of programmes.

    Of more than 200,000 answers of a programme those of so many customers are learnt from: no more are needed for three digits.
    """
    keys = table["programme"].to_pylist()
    bounds = [0, *(row for row in range(1, len(keys)) if keys[row] != keys[row - 1]), len(keys)]
    for start, end in itertools.pairwise(bounds):
        of_programme = table.slice(start, end - start)
        is_silent = of_programme["is_silent"].to_numpy()
        if end > start and is_silent.any():
            for metric in sorted(pc.unique(of_programme["metric"]).drop_null().to_pylist()):
                is_answer = pc.fill_null(pc.equal(of_programme["metric"], metric), False).to_numpy()
                yield _programme(of_programme.filter(pa.array(is_answer | is_silent)), keys[start], metric)


def _programme(table: pa.Table, programme: str, metric: str) -> Programme:
    is_silent = table["is_silent"].to_numpy()
    customer, _ = coded(table, "customer_id")
    every = -(-int((~is_silent).sum()) // MOST_ANSWERS)
    if every > 1:
        chosen = is_silent | (customer % every == 0)
        table, customer, is_silent = table.filter(pa.array(chosen)), customer[chosen], is_silent[chosen]
    code, names = coded(table, "band")
    band = np.array([*(BANDS.index(name) for name in names), -1])[code]
    asked = Asked(
        Known(tuple(_levels(table)), {name: numbers(table, name) for name in MEASURED}),
        np.where(is_silent, -1, band),
        _days(table, "invited_on"),
        _days(table, "responded_on"),
        customer,
        is_silent,
        {name: np.array(table[name].to_pylist(), dtype=object) for name in GROUPS},
    )
    return Programme(programme, metric, asked, table["invitation_id"].combine_chunks(), table["customer_id"].combine_chunks())


def _levels(table: pa.Table) -> Iterator[Driver]:
    for name in NAMED:
        yield named(name, "known", *coded(table, name))
    for name in MEASURED:
        yield measured(name, "known", numbers(table, name))


def _days(table: pa.Table, name: str) -> Array:
    days: Array = pc.fill_null(table[name].cast(pa.int32()), 0).to_numpy().astype(int)
    return days
