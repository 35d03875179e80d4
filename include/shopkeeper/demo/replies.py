"""What the sample company's customers make of a survey that reaches them: who answers, and with which score.

The same attitude and the same reluctance as in the survey history, drawn anew: whoever was unhappy is, and answers less often.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from shopkeeper.demo import attitude, telling, words
from shopkeeper.demo.config import BANDS, ZONE
from shopkeeper.demo.population import Recent
from shopkeeper.demo.simulation import Part, Simulation
from shopkeeper.demo.surveys import situation


@dataclass(frozen=True)
class Reply:
    """One customer's mind. `answers` is whether the survey is answered at all; the score is what it would be in any case."""

    answers: bool
    score: int
    comment: str | None
    ease: int
    reason: str
    may_be_called: bool
    heard_from: str | None = None
    recommended_by: str | None = None
    anyway: str | None = None

    @property
    def band(self) -> str:
        return BANDS[int(attitude.band(np.array(self.score)))]


def replies(simulation: Simulation, customers: Collection[int], moment: datetime) -> dict[int, Reply]:
    """What each of these customers, by number, thinks at a moment.

    A customer's answer and score depend on the day alone, not on who else is asked.
    """
    found: dict[int, Reply] = {}
    wanted = np.array(sorted(customers), int)
    for part in simulation.parts():
        first = part.customers.first_number
        inside = wanted[(wanted >= first) & (wanted < first + len(part.customers))] - first
        if len(inside):
            found |= dict(zip((inside + first).tolist(), _of_part(simulation, part, inside, moment), strict=True))
    return found


def _of_part(simulation: Simulation, part: Part, chosen: np.typing.NDArray[np.int_], moment: datetime) -> list[Reply]:
    config, count = simulation.config, len(part.customers)
    local = moment.astimezone(ZONE).replace(tzinfo=None)
    seconds = int(np.datetime64(local, "s").astype(int))
    # Luck is drawn for everybody, so that a customer's reply does not depend on who else is asked.
    random = config.stream(f"replies of {local.date()}", part.number)
    noise, luck = random.logistic(0, 1, count)[chosen], random.random(count)[chosen]
    ease_noise, reason = random.normal(0, 0.7, count)[chosen], random.integers(0, len(words.REASONS), count)[chosen]
    may_be_called = random.random(count)[chosen] < 0.3
    then = situation(part.customers, Recent(part.events, part.complaints), chosen, np.full(len(chosen), seconds))
    attitudes = attitude.attitude(then, part.customers, simulation.organisation, part.customers.team[chosen], config.overlap)
    scores = attitude.score(attitudes + noise)
    answering = luck < attitude.answer_probability(then, scores, config.nonresponse)
    nobody = np.zeros(len(chosen), bool)
    comments = words.comments(
        random,
        ["relationship"] * len(chosen),
        language=part.customers.locale[chosen],
        band=attitude.band(scores),
        is_begged=nobody,
        is_curt=nobody,
    )
    ease = np.clip(np.rint(1 + scores * 0.4 + ease_noise), 1, 5).astype(int)
    told = telling.told(config, part.customers, part.referrals, part.number)
    return [
        Reply(
            bool(answering[i]),
            int(scores[i]),
            comments[i],
            int(ease[i]),
            words.REASONS[reason[i]],
            bool(may_be_called[i]),
            told.heard_from[customer],
            told.recommended_by[customer],
            told.anyway[customer],
        )
        for i, customer in enumerate(chosen.tolist())
    ]
