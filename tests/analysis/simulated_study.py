"""A company of the simulator as a study of what a band is worth: those who answered the anchor wave, and their planted margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shopkeeper.analysis.effects.covariates import columns
from shopkeeper.analysis.effects.models import Array, answering_weights
from shopkeeper.analysis.effects.publication import Effect, Judged, Study, judge
from shopkeeper.demo import SimulationConfig, simulate
from shopkeeper.demo.config import BANDS, DAY, RELATIONSHIP
from shopkeeper.demo.population import CALL, SEGMENTS

YEAR = 365


@dataclass(frozen=True)
class Planted:
    """A study, what was found, and each row's margin under each band."""

    study: Study
    judged: Judged
    potential: Array

    def truth(self, effect: Effect) -> float:
        """The planted mean effect among those whom the estimate speaks for; NaN for nobody."""
        kept = self.judged.kept
        if not kept.any():
            return float("nan")
        difference = self.potential[:, BANDS.index(effect.to_arm)] - self.potential[:, BANDS.index(effect.from_arm)]
        return float(np.average(difference[kept], weights=self.study.weight[kept]))


def planted(seed: int, overlap: Literal["good", "destroyed"] = "good", customers: int = 17_500) -> Planted:
    """Draw a company, cut what the CRM knew strictly before the anchor wave, and judge it; about 3,000 customers have answered."""
    config = SimulationConfig(seed=seed, customers=customers, months=26, overlap=overlap, wave_fraction=1.0)
    company = simulate(config).whole
    frame, people, margins, events = company.frame, company.customers, company.margins, company.events
    asked = np.flatnonzero(
        frame.drawn & (frame.programme == RELATIONSHIP) & (frame.wave == config.anchor_wave) & (frame.tenure_days >= YEAR)
    )
    who = frame.customer[asked]
    moment = np.full(len(people), -1)
    moment[who] = frame.moment[asked]

    def in_year_before(customer: Array, when: Array) -> Array:
        return (when < moment[customer]) & (when >= moment[customer] - YEAR * DAY)

    calls = np.flatnonzero((events.kind == CALL) & in_year_before(events.customer, events.occurred))
    complained = company.complaints.customer[in_year_before(company.complaints.customer, company.complaints.opened)]
    worst = np.zeros(len(people))
    np.maximum.at(worst, events.customer[calls], events.failed[calls])
    known = columns(
        {"segment": np.array(SEGMENTS, object)[people.segment[who]], "region": people.region[who].astype(str)},
        {
            "tenure": np.log1p(frame.tenure_days[asked] / YEAR),
            "calls": np.bincount(events.customer[calls], minlength=len(people))[who],
            "complaints": np.isin(who, complained),
            "worst call": worst[who],
        },
        curved=["tenure"],
        crossed="segment",
    )
    answered = frame.answered[asked]
    row = np.searchsorted(margins.customer, who[answered])
    study = Study(
        arms=BANDS,
        covariates=known.where(answered),
        before=margins.before[row],
        arm=margins.band[row],
        outcome=margins.factual[row],
        weight=answering_weights(known.values, answered),
    )
    return Planted(study, judge(study), margins.potential[row])
