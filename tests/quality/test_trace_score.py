"""The second way of counting, held against numbers that others published."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shopkeeper.quality.tracing.score import compared, recomputed


def sums(detractors: int, passives: int, promoters: int, **more: Any) -> dict[str, Any]:
    """One answer per customer, all of weight 1, unless said otherwise."""
    n, changed = detractors + passives + promoters, promoters + detractors
    bands = {"responses": n, "promoters": promoters, "passives": passives, "detractors": detractors}
    clusters = {"respondents": n, "sum_m_squared": n, "sum_s_squared": changed, "sum_s_m": promoters - detractors}
    weights = {"weighted_responses": n, "sum_weight": Decimal(n), "sum_weight_net": Decimal(promoters - detractors)}
    return {**bands, **clusters, **weights, **more}


def test_published_numbers_come_out_and_hidden_cells_say_nothing_but_their_count() -> None:
    # Rocks (2016). Were both ways of counting wrong alike, they would agree with each other.
    for bands, score, low, high in (
        ((8, 13, 15), "19.4444", "-6.2803", "42.1777"),
        ((12, 7, 12), "0", "-29.1098", "29.1098"),
        ((20, 30, 50), "30", "14.0511", "44.2013"),
        ((0, 0, 5), "100", "17.4915", "100"),
    ):
        figures = recomputed(sums(*bands), {}, {"hidden_below": 1})
        assert [figures[name] for name in ("nps", "nps_low", "nps_high", "nps_weighted")] == [*map(Decimal, (score, low, high, score))]
    settings = {"hidden_below": 10}
    figures = recomputed(sums(12, 7, 12), {}, settings)
    twice = recomputed(sums(12, 7, 12, respondents=30, sum_m_squared=33), {}, settings)
    assert twice["nps_high"] > figures["nps_high"], "two answers of one customer are less than two"
    # a tenth without a weight is the most that others may speak for
    weighted = sums(3, 0, 7, sum_weight=Decimal(18), sum_weight_net=Decimal(9), weighted_responses=9)
    assert recomputed(weighted, {}, settings)["nps_weighted"] == 50
    assert recomputed({**weighted, "weighted_responses": 8}, {}, settings)["nps_weighted"] is None
    hidden = recomputed(sums(3, 0, 6), {}, settings)
    assert {name for name, value in hidden.items() if value is not None} == {"responses", "weighted_responses"}
    published = {"responses": 9, "nps": Decimal("33.3333"), "verdict": "sound"}
    assert [(row["figure"], row["agrees"]) for row in compared(published, hidden)] == [("responses", True), ("nps", False)]
