"""A score and its interval, computed anew from sums over its answers, and held against what was published."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from shopkeeper.quality.tracing.subject import Row

Z = Decimal("1.959963984540054")
PLACES = Decimal("0.0001")
COUNTS = ("responses", "weighted_responses")  # stay in a hidden cell
LEAST_WEIGHTED = Decimal("0.9")
# A published figure is rounded, so that one computed by other steps may end on the next digit.
TOLERANCE = Decimal("0.0001")


def recomputed(sums: Mapping[str, Any], cohort: Mapping[str, Any], build: Mapping[str, Any]) -> Row:
    """What a row about these answers must say, by column. A cell with too few answers is hidden, and keeps its count alone."""
    with localcontext() as context:
        context.prec = 40
        found: Row = {"responses": sums["responses"], **_bands(sums), **_weighted(sums)}
        if sums["responses"] < (build["hidden_below"] or 0):
            found = {column: value if column in COUNTS else None for column, value in found.items()}
    if cohort:
        invitations, completed = cohort["cohort_invitations"], cohort["cohort_responses"]
        found["cohort_invitations"], found["cohort_responses"] = invitations or None, completed if invitations else None
        found["response_rate"] = _rounded(Decimal(completed) / invitations) if invitations else None
    return found


def compared(published: Mapping[str, Any], anew: Mapping[str, Any]) -> list[Row]:
    """Published beside recomputed, for each column that both have."""
    return [
        {"figure": column, "published": published[column], "from_the_rows": value, "agrees": _alike(published[column], value)}
        for column, value in anew.items()
        if column in published
    ]


def share(part: int | None, whole: int) -> Decimal | None:
    """In hundredths; None where the part is hidden or there is no whole."""
    return _rounded(100 * Decimal(part) / whole) if part is not None and whole else None


def _alike(published: Any, anew: Any) -> bool:
    if published is None or anew is None:
        return published is None and anew is None
    return abs(Decimal(published) - Decimal(anew)) <= TOLERANCE


def _bands(sums: Mapping[str, Any]) -> Row:
    """Counts, score and the adjusted Wald interval with customers as clusters (Rocks 2016; docs/adr/0003-incremental-marts.md)."""
    n, promoters, detractors = (Decimal(sums[name]) for name in ("responses", "promoters", "detractors"))
    found: Row = {name: sums[name] for name in ("promoters", "passives", "detractors")}
    if not n:
        return found | dict.fromkeys(("nps", "nps_low", "nps_high", "n_effective"))
    deff = _design_effect(n, promoters, detractors, sums)
    answers = n / deff + 3
    centre = (promoters - detractors) / deff / answers
    spread = ((promoters + detractors) / deff + Decimal("1.5")) / answers - centre * centre
    half = Z * (spread / answers).sqrt()
    return found | {
        "nps": _rounded(100 * (promoters - detractors) / n),
        "nps_low": _rounded(100 * max(Decimal(-1), centre - half)),
        "nps_high": _rounded(100 * min(Decimal(1), centre + half)),
        "n_effective": _rounded(n / deff),
    }


def _design_effect(n: Decimal, promoters: Decimal, detractors: Decimal, sums: Mapping[str, Any]) -> Decimal:
    customers = Decimal(sums["respondents"])
    if customers in (n, 1):
        return Decimal(1) if customers == n else n
    m_squared, s_squared, s_m = (Decimal(sums[name]) for name in ("sum_m_squared", "sum_s_squared", "sum_s_m"))
    if n in (promoters, detractors) or not promoters + detractors:
        return m_squared / n
    mean = (promoters - detractors) / n
    variance = (promoters + detractors) / n - mean * mean
    between = s_squared - 2 * mean * s_m + mean * mean * m_squared
    return max(Decimal(1), customers / (customers - 1) * between / (n * variance) * (n - 1) / n)


def _weighted(sums: Mapping[str, Any]) -> Row:
    """The weighted score, published where nearly all answers have a weight. Its interval needs more than the weights: docs/weights.md."""
    weighted, weight = sums["weighted_responses"], sums["sum_weight"]
    is_shown = weight and weighted >= LEAST_WEIGHTED * sums["responses"]
    return {
        "weighted_responses": weighted,
        "nps_weighted": _rounded(100 * Decimal(sums["sum_weight_net"]) / weight) if is_shown else None,
    }


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(PLACES, ROUND_HALF_UP)
