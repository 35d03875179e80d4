"""A company of the simulator as the answers after calls and claims of its last year, and what settling everything the same day would do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from shopkeeper.analysis.drivers import reading
from shopkeeper.analysis.drivers.effects import Answers, Effect, effects
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.company.config import Band, Company
from shopkeeper.demo import SimulationConfig, planted, simulate
from shopkeeper.demo.config import BANDS, DAY, TRANSACTIONAL
from shopkeeper.demo.population import CHANNELS, KINDS, OUTCOMES, SEGMENTS, TENURE_BANDS, Recent
from shopkeeper.demo.simulation import Part
from shopkeeper.demo.truth import RESOLUTION_BANDS, RESOLUTION_EDGES_HOURS

COMPANY = Company(
    name="Simulated",
    timezone="UTC",
    currency="EUR",
    resolution_bands=tuple(
        Band(name=name, below=below) for name, below in zip(RESOLUTION_BANDS, (*RESOLUTION_EDGES_HOURS, None), strict=True)
    ),
)


@dataclass(frozen=True)
class Simulated:
    """The answers, and by how many points promoters and detractors would differ had everything been settled the same day."""

    answers: Answers
    hours: Array
    is_claim: Array
    promoters: float
    detractors: float


@cache
def simulated(seed: int, customers: int = 12_000) -> Simulated:
    config = SimulationConfig(seed=seed, customers=customers, months=18)
    drawn = simulate(config)
    part = drawn.whole
    rows = planted.answered_lately(config, part)
    table = recorded(part, rows)
    changes = planted.same_day_points(config, drawn.organisation, part)
    found = reading.drivers(table, COMPANY)
    frame = part.clean_frame.where(rows)
    kinds = part.events.kind[frame.event]
    answers = Answers(frame.band, frame.customer, tuple(found))
    promoters, detractors = changes.mean(axis=0)
    return Simulated(answers, reading.numbers(table, "hours_to_resolution"), kinds == KINDS.index("claim"), promoters, detractors)


def recorded(part: Part, rows: Array) -> pa.Table:
    """The answers as `int_drivers__answers` has them."""
    frame = part.clean_frame.where(rows)
    assert (frame.programme == TRANSACTIONAL).all()
    about, people = part.events.where(frame.event), part.customers
    earlier = Recent(part.events, part.complaints)
    before = about.occurred // DAY * DAY - 1
    hours = (about.resolved - about.occurred) / 3600
    failed = earlier.failed_band(frame.customer, before)
    count = len(rows)
    return pa.table(
        {
            "band": np.array(BANDS)[frame.band],
            "segment": np.array(SEGMENTS)[people.segment[frame.customer]],
            "tenure_band": np.array(TENURE_BANDS)[frame.tenure_band],
            "value_band": pa.nulls(count, pa.string()),
            "region": people.region[frame.customer].astype(str),
            "resolution_band": np.array(RESOLUTION_BANDS)[np.searchsorted(RESOLUTION_EDGES_HOURS, hours, side="right")],
            "hours_to_resolution": hours,
            "outcome": np.array(OUTCOMES)[about.outcome],
            "interaction_subtype": pa.nulls(count, pa.string()),
            "channel": np.array(CHANNELS)[about.channel],
            "product_category": about.product.astype(str),
            "complained_before": np.where(earlier.complaint(frame.customer, before), "yes", "no"),
            "worst_call_before": pa.array(np.array([np.nan, 0.1, 0.5, 0.9])[failed], from_pandas=True),
            "failed_interaction_score": pa.array(about.failed, from_pandas=True),
            "speech_sentiment": pa.array(about.sentiment, from_pandas=True),
            "topics": pa.nulls(count, pa.string()),
            "attributes": [
                "{}" if np.isnan(wait) else f'{{"wait_minutes": "{wait}", "transfers": "{moved}"}}'
                for wait, moved in zip(about.wait_minutes.tolist(), about.transfers.tolist(), strict=True)
            ],
            "answers": pa.nulls(count, pa.string()),
            "themes": pa.nulls(count, pa.string()),
            "interaction_type": np.array(KINDS)[about.kind],
        }
    )


def same_day(answers: Answers) -> Effect:
    """What the model says of the level `same day`."""
    model = effects(answers, weighs=False)
    return next(effect for effect in model.effects if effect.driver.name == "resolution_band" and effect.is_reference)
