"""What customers think, and who of them answers.

One latent attitude per customer and moment, cut into the scores 0 to 10 by fixed thresholds:

    attitude = segment + tenure + segment x tenure + recent complaint + failed-interaction band + branch + what improved it + trait
               (+ resolution time + outcome + offer, after an interaction) + logistic noise

Everything but the trait and the noise is in the CRM. The trait moves scores alone, never money.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from shopkeeper.demo.config import BANDS, DAY, Array
from shopkeeper.demo.organisation import Organisation
from shopkeeper.demo.population import CLAIM, PAID_IN_PART, REJECTED, Customers, Events, tenure_band

SEGMENT = np.array([0.0, 0.35, -0.6])
TENURE = 1.5  # per log(1 + years)
# segment x tenure band, beyond what both add up to: families come in high spirits, businesses come in doubt
CROSSED = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, -0.35], [-0.7, 0.0, 0.25]])
COMPLAINT = -1.5
FAILED = np.array([0.0, 0.1, -0.4, -1.1])
TRAIT = 0.6
RESOLUTION = -0.75  # per log(1 + days/2)
OUTCOME = {PAID_IN_PART: -0.4, REJECTED: -1.3}
OFFERS = ("cover upgrade", "loyalty discount", "travel cover")
OFFER = np.array([-0.35, 0.45, 0.0])
JUST_SERVED = 0.4  # thinking of one interaction, not of the company
THRESHOLDS = np.array([-5.45, -4.9, -4.37, -3.83, -3.4, -2.67, -2.11, -1.13, -0.05, 1.21])  # calibrated: see tests/demo
IMPROVEMENT = 1.0  # at branches where an initiative works
PROMOTER_DENSITY = 0.185  # promoter share gained per unit of attitude, on average over the customers


@dataclass(frozen=True)
class Situation:
    """What the CRM knows of a customer at a moment; the covariates of both attitude and answering."""

    customer: Array
    moment: Array
    segment: Array
    tenure_days: Array
    complaint: Array
    failed_band: Array

    @property
    def tenure_band(self) -> Array:
        return tenure_band(self.tenure_days)


def log_years(tenure_days: Array) -> Array:
    """The confounder: what a longer tenure does to both attitude and premium, log(1 + years), up to 15 years."""
    return np.log1p(np.clip(tenure_days, 0, 15 * 365) / 365)


def attitude(
    situation: Situation, customers: Customers, organisation: Organisation, team: Array, overlap: Literal["good", "destroyed"] = "good"
) -> Array:
    """The attitude without noise and before any interaction."""
    confounding = 1.0 if overlap == "good" else 12.0
    branch = organisation.branch_at(team, situation.moment // DAY)
    sure: Array = (
        SEGMENT[situation.segment]
        + confounding * TENURE * (log_years(situation.tenure_days) - 1.5)
        + CROSSED[situation.segment, situation.tenure_band]
        + COMPLAINT * situation.complaint
        + FAILED[situation.failed_band]
        + organisation.branch_effect[branch] / PROMOTER_DENSITY
        + TRAIT * customers.trait[situation.customer]
        + IMPROVEMENT * organisation.is_improved(branch, situation.moment // DAY)
    )
    return sure


def interaction_effect(events: Events, offer: Array) -> Array:
    """What an interaction adds: time to resolution, outcome, an offer made (-1 for none)."""
    days = (events.resolved - events.occurred) / DAY
    effect: Array = JUST_SERVED + np.where(offer >= 0, OFFER[offer], 0.0)
    effect = effect + RESOLUTION * np.log1p(days / 2) * ((events.kind == CLAIM) | (days >= 0.5))
    for outcome, shift in OUTCOME.items():
        effect = effect + shift * (events.outcome == outcome)
    return effect


def score(attitude_with_noise: Array) -> Array:
    """0 to 10."""
    return np.searchsorted(THRESHOLDS, attitude_with_noise, side="right")


def band(scores: Array) -> Array:
    """0 detractor (0-6), 1 passive (7-8), 2 promoter (9-10)."""
    return (scores >= 7).astype(int) + (scores >= 9)


def nps(scores: Array) -> float:
    """Points; NaN without scores."""
    return float(100 * ((scores >= 9).mean() - (scores <= 6).mean())) if len(scores) else float("nan")


# log P(answer) = log(BASE) + what applies; all of it is 0 for whom answers most
ANSWER_BASE = 0.40
ANSWER_SEGMENT = np.log([0.9, 1.0, 0.72])
ANSWER_TENURE = np.log([0.60, 0.85, 1.0])
ANSWER_COMPLAINT = np.log(0.50)
ANSWER_FAILED = np.log([1.0, 1.0, 0.80, 0.55])
# `interaction`: segment x tenure are crossed in place of added
ANSWER_CROSSED = np.log([[0.50, 0.85, 1.0], [1.0, 0.90, 0.70], [0.20, 0.60, 0.95]])
# `score`: by band alone
ANSWER_BAND = np.array([0.22, 0.28, 0.35])


def answer_probability(situation: Situation, scores: Array, mode: Literal["ignorable", "interaction", "score"]) -> Array:
    """P(answer | invited). Unhappy customers answer less in each mode; only in `score` is it because of the score."""
    if mode == "score":
        return ANSWER_BAND[band(scores)]
    tenure = situation.tenure_band
    who = ANSWER_CROSSED[situation.segment, tenure] if mode == "interaction" else ANSWER_SEGMENT[situation.segment] + ANSWER_TENURE[tenure]
    probability: Array = ANSWER_BASE * np.exp(who + ANSWER_COMPLAINT * situation.complaint + ANSWER_FAILED[situation.failed_band])
    return probability


def described() -> dict[str, object]:
    """The planted parameters, for the truth file."""
    return {
        "attitude": {
            "segment": SEGMENT.tolist(),
            "tenure_per_log_year": TENURE,
            "segment_by_tenure_band": CROSSED.tolist(),
            "recent_complaint": COMPLAINT,
            "failed_band": FAILED.tolist(),
            "trait_sd": TRAIT,
            "resolution_per_log_half_days": RESOLUTION,
            "claim_paid_in_part": OUTCOME[PAID_IN_PART],
            "claim_rejected": OUTCOME[REJECTED],
            "offer": dict(zip(OFFERS, OFFER.tolist(), strict=True)),
            "just_served": JUST_SERVED,
            "improvement": IMPROVEMENT,
            "thresholds": THRESHOLDS.tolist(),
        },
        "answering": {
            "base": ANSWER_BASE,
            "segment": np.exp(ANSWER_SEGMENT).round(4).tolist(),
            "tenure_band": np.exp(ANSWER_TENURE).round(4).tolist(),
            "recent_complaint": round(float(np.exp(ANSWER_COMPLAINT)), 4),
            "failed_band": np.exp(ANSWER_FAILED).round(4).tolist(),
            "segment_by_tenure_band": np.exp(ANSWER_CROSSED).round(4).tolist(),
            "band": dict(zip(BANDS, ANSWER_BAND.tolist(), strict=True)),
        },
    }
