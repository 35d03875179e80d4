"""A company of the simulator as what was known of everybody asked, who answered, and what the silent think."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pyarrow as pa

from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.predicted import reading
from shopkeeper.analysis.predicted.study import Asked
from shopkeeper.demo import SimulationConfig, planted, simulate
from shopkeeper.demo.config import BANDS, DAY, PROGRAMMES, date_of
from shopkeeper.demo.population import CHANNELS, KINDS, OUTCOMES, SEGMENTS, Recent
from shopkeeper.demo.simulation import Simulation


@dataclass(frozen=True)
class Simulated:
    """`asked` as read from the warehouse, and each row's true chances of the bands."""

    asked: Asked
    chances: Array


@cache
def simulated(
    seed: int,
    programme: int,
    customers: int = 12_000,
    nonresponse: Literal["ignorable", "interaction", "score"] = "ignorable",
) -> Simulated:
    drawn = simulate(SimulationConfig(seed=seed, customers=customers, nonresponse=nonresponse))
    table, chances = recorded(drawn, programme)
    [found] = reading.programmes(table)
    return Simulated(found.asked, chances)


def recorded(drawn: Simulation, programme: int) -> tuple[pa.Table, Array]:
    """Rows as `int_predicted__moments` has them, and the chances by which each customer would have answered."""
    config, part = drawn.config, drawn.whole
    silent = planted.silent(config, part)[programme]
    frame = part.clean_frame
    chosen = np.flatnonzero((frame.programme == programme) & frame.drawn & frame.in_frame)
    is_silent = np.isin(chosen, silent)
    chosen, is_silent = chosen[frame.answered[chosen] | is_silent], is_silent[frame.answered[chosen] | is_silent]
    rows = frame.where(chosen)
    people, earlier, count = part.customers, Recent(part.events, part.complaints), len(chosen)
    about = part.events.where(np.maximum(rows.event, 0))
    is_about = rows.event >= 0
    before = rows.moment // DAY * DAY - 1

    def named(names: tuple[str, ...], code: Array, *, only: Array | None = None) -> pa.Array:
        return pa.array(np.array(names, object)[code], mask=None if only is None else ~only)

    failed = np.array([np.nan, 0.2, 0.5, 0.8])[earlier.failed_band(rows.customer, before)]
    table = pa.table(
        {
            "programme": [PROGRAMMES[programme]] * count,
            "metric": pa.array(["nps"] * count, mask=~rows.answered),
            "invitation_id": [f"I{row}" for row in chosen],
            "customer_id": [f"C{number}" for number in rows.customer],
            "band": named(BANDS, rows.band, only=rows.answered),
            "segment": named(SEGMENTS, rows.segment),
            "region": people.region[rows.customer].astype(str),
            "tenure_band": rows.tenure_band.astype(str),
            "value_band": pa.nulls(count, pa.string()),
            "acquisition_channel": people.channel[rows.customer].astype(str),
            "channel": named(CHANNELS, about.channel, only=is_about),
            "interaction_type": named(KINDS, about.kind, only=is_about),
            "interaction_subtype": pa.nulls(count, pa.string()),
            "outcome": named(OUTCOMES, about.outcome, only=is_about),
            "product_category": people.product[rows.customer].astype(str),
            "previous_band": pa.array(["never answered"] * count),
            "tenure_days": rows.tenure_days.astype(float),
            "hours_to_resolution": pa.array((about.resolved - about.occurred) / 3600, mask=~is_about),
            "interactions": pa.nulls(count, pa.float64()),
            "complaints": earlier.complaint(rows.customer, before).astype(float),
            "worst_call_before": pa.array(failed, from_pandas=True),
            "failed_interaction_score": pa.array(np.where(is_about, about.failed, np.nan), from_pandas=True),
            "invited_on": pa.array([date_of(day) for day in rows.moment // DAY], pa.date32()),
            "responded_on": pa.array([date_of(day) for day in np.minimum(rows.responded // DAY, config.end_day)], pa.date32()),
            "is_silent": is_silent,
        }
    )
    order = np.argsort(np.array(table["invitation_id"].to_pylist()))
    return table.take(order), planted.chances(config, drawn.organisation, part, chosen)[order]
