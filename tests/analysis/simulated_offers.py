"""A company of the simulator as the answers after calls and claims of its last year, each with what an offer does to it."""

from __future__ import annotations

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from scipy.special import expit

from shopkeeper.analysis.effects import offers
from shopkeeper.analysis.effects.models import Array
from shopkeeper.analysis.effects.publication import Effect, judge
from shopkeeper.demo import SimulationConfig, attitude, simulation
from shopkeeper.demo.config import DAY, TRANSACTIONAL
from shopkeeper.demo.population import CHANNELS, KINDS, SEGMENTS

TYPES = np.array(attitude.OFFERS, object)


@dataclass(frozen=True)
class Compared:
    """What was found of one type, and the planted difference (points) among those whom it speaks for."""

    effect: Effect
    truth: float


def answers(seed: int, often: float = 1.0) -> tuple[pa.Table, Array]:
    """The last answer of each customer in the last 365 days, as the SQL model has it, and what each type of offer would do to it.

    `often`: offers are made so many times as often as in the sample company.
    """
    config = SimulationConfig(seed=seed, customers=20_000, months=24)
    with patch.object(simulation, "OFFER_SHARE", often * simulation.OFFER_SHARE):
        drawn = simulation.simulate(config)
        company = drawn.whole
    frame, people, events = company.clean_frame, company.customers, company.events
    newest = np.flatnonzero(frame.answered & (frame.programme == TRANSACTIONAL) & (frame.responded >= (config.end_day - 365) * DAY))
    order = newest[np.lexsort((frame.responded[newest], frame.customer[newest]))]
    rows = frame.where(order[np.r_[frame.customer[order][1:] != frame.customer[order][:-1], True]])

    offer_of = np.full(len(events), -1)
    offer_of[company.offers.event] = company.offers.kind
    accepted = np.zeros(len(events), bool)
    accepted[company.offers.event] = company.offers.is_accepted
    offered = offer_of[rows.event]
    about = events.where(rows.event)
    usual = attitude.attitude(rows, people, drawn.organisation, about.team) + attitude.interaction_effect(about, np.full(len(rows), -1))

    def mark(thought: Array) -> Array:
        return expit(thought - attitude.THRESHOLDS[8]) - expit(attitude.THRESHOLDS[6] - thought)

    planted = 100 * np.column_stack([mark(usual + shift) - mark(usual) for shift in attitude.OFFER])

    earlier = np.flatnonzero(frame.answered)
    earlier = earlier[np.lexsort((frame.responded[earlier], frame.customer[earlier]))]
    key, now = frame.customer[earlier] * (config.end_day * DAY) + frame.responded[earlier], about.occurred
    place = np.searchsorted(key, rows.customer * (config.end_day * DAY) + now) - 1
    has = (place >= 0) & (frame.customer[earlier][place] == rows.customer)
    table = pa.table(
        {
            "offer_type": pa.array([TYPES[kind] if kind >= 0 else None for kind in offered], pa.string()),
            "segment": np.array(SEGMENTS)[people.segment[rows.customer]],
            "region": people.region[rows.customer].astype(str),
            "channel": np.array(CHANNELS)[about.channel],
            "interaction_type": np.array(KINDS)[about.kind],
            "mark": rows.band - 1,
            "previous_mark": np.where(has, frame.band[earlier][place] - 1, 0),
            "has_answered_before": has,
            "tenure_days": rows.tenure_days,
            "margin_before": np.zeros(len(rows)),
            "is_offered": offered >= 0,
            "is_accepted": accepted[rows.event],
        }
    )
    return table, planted


def compared(seed: int, often: float = 1.0) -> dict[str, Compared]:
    """Each type of offer, and `all`, against none; types are made equally often."""
    table, planted = answers(seed, often)
    made = np.array(table["offer_type"].to_pylist(), object)
    found = {}
    for offer_type in ("all", *attitude.OFFERS):
        judged = judge(offers.cut(table, "made", offer_type))
        in_study = (made == None) | (made == offer_type) | (offer_type == "all")  # noqa: E711
        effects = planted[in_study][judged.kept]
        of_type = effects.mean(axis=1) if offer_type == "all" else effects[:, attitude.OFFERS.index(offer_type)]
        found[offer_type] = Compared(judged.effects[0], float(of_type.mean()) if len(of_type) else float("nan"))
    return found
