"""Scores of counts that no mart holds as a cell: by provider, or as a provider would count."""

from __future__ import annotations

from shopkeeper.quality.report.layout import Row
from shopkeeper.survey.precision import margin_reached, variance


def scored(row: Row, hidden_below: int) -> Row:
    """The row's counts as a score with its interval, in points; hidden under so many answers."""
    n, promoters, passives, detractors = (row[name] for name in ("responses", "promoters", "passives", "detractors"))
    if n < hidden_below:
        return row | {"score": None, "low": None, "high": None, "reporting": "hidden"}
    half = margin_reached(n, variance(detractors, passives, promoters))
    centre = 100 * (promoters - detractors) / (n + 3)
    score = 100 * (promoters - detractors) / n
    return row | {
        "score": round(score, 4),
        "low": round(max(-100, centre - half), 4),
        "high": round(min(100, centre + half), 4),
        "reporting": "reportable",
    }
