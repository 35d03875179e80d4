"""What the sample company's goals measure: the score that answers show on average, of each goal whose period is over."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from shopkeeper.company.goals import GOALS_FILE, Goal, Known, read_goals
from shopkeeper.company.load import SAMPLE
from shopkeeper.demo.config import DAY, DETRACTOR, PROGRAMMES, PROMOTER, TRANSACTIONAL, Array, SimulationConfig, day_number
from shopkeeper.demo.organisation import BRANCHES, PRODUCTS, REGIONS, branch_code, region_code, region_of
from shopkeeper.demo.population import SEGMENTS
from shopkeeper.demo.simulation import Part

NOT_ADDING_UP = ("west-2026",)
ANSWERED_AFTER = 2  # days


@cache
def goals() -> tuple[Goal, ...]:
    """Those of the sample company's folder."""
    known = Known(programmes=PROGRAMMES, employee_programmes=(), metrics=("nps",), values={})
    found, problems = read_goals(SAMPLE / GOALS_FILE, known)
    assert not problems, problems
    return found


def judged(config: SimulationConfig) -> tuple[Goal, ...]:
    """Goals about calls and claims whose period is over and lies in the history."""
    return tuple(
        goal
        for goal in goals()
        if goal.programme == PROGRAMMES[TRANSACTIONAL]
        and goal.period_ends_on <= config.ends_on
        and goal.period_starts_on >= config.starts_on
    )


def sums(config: SimulationConfig, part: Part) -> Array:
    """One row per judged goal: answers expected of those who were asked, and promoters less detractors among them.

    Everybody counts who was asked, by how likely he or she was to answer, as if all answers came two days later.
    """
    frame = part.clean_frame
    frame = frame.where(np.flatnonzero(frame.drawn & (frame.programme == TRANSACTIONAL)))
    events = part.events.where(frame.event)
    likely, mark = frame.answer_probability, (frame.band == PROMOTER).astype(int) - (frame.band == DETRACTOR)
    held = {
        "segment": np.array(SEGMENTS)[frame.segment],
        "org_region": np.array([region_code(region) for region in range(len(REGIONS))])[region_of(frame.branch)],
        "branch": np.array([branch_code(branch) for branch in range(BRANCHES)])[frame.branch],
        "product": np.array([*(product[0] for product in PRODUCTS), ""])[events.product],  # -1: of no product
        "product_category": np.array([*(product[2] for product in PRODUCTS), ""])[events.product],  # -1: of no product
    }
    day = frame.moment // DAY + ANSWERED_AFTER
    found = []
    for goal in judged(config):
        first, last = day_number(goal.period_starts_on), day_number(goal.period_ends_on + timedelta(days=1))
        inside = (day >= first) & (day < last)
        for dimension, value in goal.cell.items():
            inside &= held[dimension] == value
        found.append([likely[inside].sum(), (likely * mark)[inside].sum()])
    return np.array(found, float).reshape(-1, 2)


def told(config: SimulationConfig, found: Array) -> dict[str, Any]:
    """Scores in points; goals without answers have none. `not_adding_up` names the goals whose parts were made to fall short of them."""
    scores = {
        goal.goal_id: round(float(100 * net / answers), 4) if answers else None
        for goal, (answers, net) in zip(judged(config), found.tolist(), strict=True)
    }
    return {"score": scores, "not_adding_up": list(NOT_ADDING_UP)}
