"""Waves of the simulator as the weighting sees them: who was in the frame, who answered what, and what all would have said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from shopkeeper.analysis.weights.replicates import Answers, Scores, estimate
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave
from shopkeeper.analysis.weights.weighting import Weighting, weigh
from shopkeeper.demo import SimulationConfig, simulate
from shopkeeper.demo.attitude import answer_probability, nps
from shopkeeper.demo.config import RELATIONSHIP
from shopkeeper.demo.population import FAILED_BANDS, SEGMENTS, TENURE_BANDS
from shopkeeper.demo.surveys import Frame

Mode = Literal["ignorable", "interaction", "score"]
MAIN = (("segment",), ("tenure_band",), ("recent_complaint",), ("failed_interaction_band",))
CROSSED = (("segment", "tenure_band"), ("recent_complaint",), ("failed_interaction_band",))


@dataclass(frozen=True)
class Asked:
    """One wave, `answers` frame cells × GROUPS × bands; and of each in the frame its cell, group, band, branch, and who was asked."""

    wave: Wave
    answers: Array
    truth: float
    cell: Array
    group: Array
    band: Array
    branch: Array
    drawn: Array
    answered: Array

    def weighing(self, margins: tuple[tuple[str, ...], ...] = MAIN) -> Weighting:
        return weigh(self.wave, margins)

    def score(self, weighting: Weighting | None, by: Array | None = None, cells: int = 1) -> Scores:
        """Of all, or in the cells that `by` numbers; raw without a weighting."""
        weights = np.ones((len(self.wave.cell), 1 + GROUPS)) if weighting is None else weighting.weights
        who = self.answered
        cell = np.zeros(int(who.sum()), int) if by is None else by[who]
        return estimate(Answers(cell, self.cell[who], self.group[who], self.band[who], np.ones(int(who.sum()))), weights, cells)


def frame_of(seed: int, customers: int = 20_000) -> tuple[SimulationConfig, Frame]:
    """The newest relationship wave of a company: everybody who could have been invited."""
    config = SimulationConfig(seed=seed, customers=customers, months=18)
    frame = simulate(config).whole.clean_frame
    return config, frame.where(frame.in_frame & (frame.programme == RELATIONSHIP) & (frame.wave == len(config.wave_days) - 1))


def asked(config: SimulationConfig, frame: Frame, mode: Mode) -> Asked:
    """Let those who were drawn answer as `mode` has it."""
    random = config.stream(f"answering by {mode}")
    answered = frame.drawn & (random.random(len(frame)) < answer_probability(frame, frame.score, mode))
    columns = {
        "segment": np.array(SEGMENTS)[frame.segment],
        "tenure_band": np.array(TENURE_BANDS)[frame.tenure_band],
        "recent_complaint": np.where(frame.complaint, "yes", "no"),
        "failed_interaction_band": np.array(FAILED_BANDS)[frame.failed_band],
    }
    codes = np.stack([frame.segment, frame.tenure_band, frame.complaint.astype(int), frame.failed_band])
    _, first, cell = np.unique(np.ravel_multi_index(tuple(codes), (3, 3, 2, 4)), return_index=True, return_inverse=True)
    group = frame.customer % GROUPS
    counts = np.zeros((len(first), GROUPS, 3), int)
    np.add.at(counts, (cell[answered], group[answered], frame.band[answered]), 1)
    wave = Wave(
        variables={name: values[first] for name, values in columns.items()},
        frame=np.bincount(cell),
        cell=np.arange(len(first)),
        design_weight=np.full(len(first), 1 / config.wave_fraction),
        answers=counts.sum(axis=2),
    )
    return Asked(wave, counts, nps(frame.score), cell, group, frame.band, frame.branch, frame.drawn, answered)


def linearised(weight: Array, band: Array, customer: Array, cell: Array, cells: int) -> tuple[Array, Array, Array]:
    """Score and 95 % interval of each cell, in points, as the cells of nps_by_segment have them: the twin of macros/weighting.sql.

    One element per answer; `customer` numbers from 0. NaN in a cell without answers.
    """
    net = band - 1.0
    count, mass = np.bincount(cell, minlength=cells), np.bincount(cell, weight, cells)
    by_customer, place = np.unique(np.stack([cell, customer]), axis=1, return_inverse=True)
    of_cell, w, s = by_customer[0], np.bincount(place, weight), np.bincount(place, weight * net)
    respondents = np.bincount(of_cell, minlength=cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        promoters, detractors = (np.bincount(cell, weight * (net == way), cells) / mass for way in (1, -1))
        mean = promoters - detractors
        variance = promoters + detractors - mean**2
        squares = np.bincount(of_cell, (s - mean[of_cell] * w) ** 2, cells)
        unequal = count * np.bincount(of_cell, w**2, cells) / mass**2
        clustered = respondents * squares / ((respondents - 1) * mass**2) / (variance / np.maximum(count - 1, 1))
        deff = np.maximum(1, np.where(respondents == 1, count, np.where(variance < 1e-9, unequal, clustered)))
        n = count / deff
        centre = n * mean / (n + 3)
        half = 1.959963984540054 * np.sqrt(((n * (promoters + detractors) + 1.5) / (n + 3) - centre**2) / (n + 3))
    low, high = (np.clip(end, -1, 1) for end in (centre - half, centre + half))
    return 100 * mean, 100 * np.minimum(low, mean), 100 * np.maximum(high, mean)


def covers(scores: Scores, truth: Array | float) -> Array:
    return np.asarray((scores.low <= truth) & (truth <= scores.high))


def without(one: Asked, lost: Array) -> Asked:
    """The same wave had the answers of the `lost` frame cells not come."""
    counts = one.answers.copy()
    counts[lost] = 0
    return replace(one, wave=replace(one.wave, answers=counts.sum(axis=2)), answers=counts, answered=one.answered & ~lost[one.cell])
