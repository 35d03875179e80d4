"""Control charts, and changes taken apart, in plain Python: what the marts are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt


@dataclass(frozen=True)
class Period:
    """Counts of a period, and how many independent answers they are worth."""

    promoters: int
    detractors: int
    answers: int
    worth: float


@dataclass(frozen=True)
class Point:
    """In points, as `control_charts` has it."""

    value: float
    centre: float
    low: float
    high: float
    signals: set[str]


def chart(name: str, periods: Sequence[Period]) -> list[Point]:
    """The points of one chart; `name` is promoter_share, detractor_share, nps or nps_xmr. At least 8 periods."""
    share = name.removesuffix("_share")
    marks = {"promoter": (1, 0), "detractor": (0, 1)}.get(share, (1, -1))
    totals = [marks[0] * period.promoters + marks[1] * period.detractors for period in periods]
    squares = [abs(marks[0]) * period.promoters + abs(marks[1]) * period.detractors for period in periods]
    values = [total / period.answers for total, period in zip(totals, periods, strict=True)]
    inside = list(range(len(periods)))
    for _ in range(2):
        if name == "nps_xmr":
            centre = sum(values) / len(values)
            moves = [abs(later - earlier) for earlier, later in pairwise(values)]
            sigmas = [sum(moves) / len(moves) / 1.128] * len(values)
            break
        answers = sum(periods[i].answers for i in inside)
        centre = sum(totals[i] for i in inside) / answers
        spread = sum(squares[i] for i in inside) / answers - centre**2
        sigmas = [sqrt(spread / period.worth) for period in periods]
        inside = [i for i, value in enumerate(values) if abs(value - centre) <= 3 * sigmas[i]]
    lowest = 0 if name.endswith("_share") else -1
    return [
        Point(
            value=100 * value,
            centre=100 * centre,
            low=100 * max(lowest, centre - 3 * sigmas[i]),
            high=100 * min(1, centre + 3 * sigmas[i]),
            signals=_signals([(other - centre) / sigma for other, sigma in zip(values[: i + 1], sigmas, strict=False)], values[: i + 1]),
        )
        for i, value in enumerate(values)
    ]


def _signals(sigmas: Sequence[float], values: Sequence[float]) -> set[str]:
    """Why the last point is a signal."""
    last, moves = sigmas[-1], [later - earlier for earlier, later in pairwise(values)]
    found = {
        "above the upper limit": last > 3,
        "below the lower limit": last < -3,
        "8 in a row above the centre": len(sigmas) >= 8 and all(one > 0 for one in sigmas[-8:]),
        "8 in a row below the centre": len(sigmas) >= 8 and all(one < 0 for one in sigmas[-8:]),
        "2 of 3 near the upper limit or beyond": last > 2 and sum(one > 2 for one in sigmas[-3:]) >= 2,
        "2 of 3 near the lower limit or beyond": last < -2 and sum(one < -2 for one in sigmas[-3:]) >= 2,
        "6 in a row rising": len(moves) >= 5 and all(move > 0 for move in moves[-5:]),
        "6 in a row falling": len(moves) >= 5 and all(move < 0 for move in moves[-5:]),
    }
    return {name for name, holds in found.items() if holds}


def taken_apart(parts: dict[str, tuple[Sequence[int], Sequence[int]]]) -> dict[str, tuple[float, float]]:
    """Part → (rate, mix) in points, from part → marks (−1, 0, 1) of the answers now and before. Midpoint weights."""
    now, before = (sum(len(marks[side]) for marks in parts.values()) for side in (0, 1))
    usual = (sum(map(sum, (m[0] for m in parts.values()))) / now + sum(map(sum, (m[1] for m in parts.values()))) / before) / 2
    found = {}
    for name, (later, earlier) in parts.items():
        level = sum(later) / len(later) if later else sum(earlier) / len(earlier)
        level_before = sum(earlier) / len(earlier) if earlier else level
        share, share_before = len(later) / now, len(earlier) / before
        rate = (share + share_before) / 2 * (level - level_before)
        found[name] = (100 * rate, 100 * (share - share_before) * ((level + level_before) / 2 - usual))
    return found
