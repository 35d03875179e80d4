"""How exactly so many answers tell a score, how many a stated margin takes, and when a unit has them."""

from __future__ import annotations

import math
from datetime import date, timedelta
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)
CURRENT_DAYS, YEAR_DAYS = 90, 365


def variance(detractors: int, passives: int, promoters: int) -> float:
    """v of one answer on the scale -1..1, from adjusted counts (3/4, 3/2, 3/4 added), so that no cell seems to have none."""
    n = detractors + passives + promoters + 3
    low, high = (detractors + 0.75) / n, (promoters + 0.75) / n
    return low + high - (high - low) ** 2


def answers_needed(margin: float, variance: float, design_effect: float = 1.0) -> int:
    """Answers for a 95 % interval of ± `margin` points (of 100): (z²v/m² − 3) times the design effect, at least one.

    Raises ValueError for a margin outside (0, 100]. Source: Rocks (2016), arXiv 1601.07235, with its three pseudo-answers.
    """
    if not 0 < margin <= 100:
        raise ValueError("a margin is more than 0 and at most 100 points")
    return max(1, math.ceil((Z**2 * variance / (margin / 100) ** 2 - 3) * design_effect))


def margin_reached(answers: float, variance: float, design_effect: float = 1.0) -> float:
    """The half-width, in points, that so many answers give: the inverse of `answers_needed`; never more than 100."""
    return min(100.0, 100 * Z * math.sqrt(variance / (max(answers, 0.0) / design_effect + 3)))


def unequal_weighting(populations: list[int], answers: list[float]) -> float:
    """Kish's design effect of a score over all cells, n·Σw²/(Σw)², where a cell's weight is its customers per answer."""
    parts = [(size, n) for size, n in zip(populations, answers, strict=True) if size > 0 and n > 0]
    if not parts:
        return 1.0
    return sum(n for _, n in parts) * sum(size**2 / n for size, n in parts) / sum(size for size, _ in parts) ** 2


def reportable(*, needed: int, current: int, this_year: int, today: date) -> date | None:
    """The day on which a unit has the answers that its score needs, if they go on coming as in the last 90 days; None is never.

    Today, when the last 90 days hold enough of them; else the day on which the calendar year does, this one or the next. A
    year is the longest period that is published: a unit that cannot fill one never gets there at this rate.
    """
    if current >= needed:
        return today
    per_day = current / CURRENT_DAYS
    if per_day * YEAR_DAYS < needed:
        return None
    this = today + timedelta(days=math.ceil(max(0, needed - this_year) / per_day))
    new_year = date(today.year + 1, 1, 1)
    return this if this < new_year else new_year + timedelta(days=math.ceil(needed / per_day) - 1)
