"""Which rules of closed_loop.yml an answer, a complaint or a call meets. No clock, no database: facts in, names of rules out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from shopkeeper.closed_loop.facts import Facts
from shopkeeper.company.closed_loop import Band, ClosedLoop, Rule
from shopkeeper.company.config import Scale
from shopkeeper.survey.wording import band

# What hangs on the score, and is said by its correction once an order is there.
OF_SCORES = ("low_score", "score_moved", "band_changed", "promoter")


def met(loop: ClosedLoop, scales: Mapping[str, Scale], facts: Facts, *, now: datetime) -> dict[str, Rule]:
    """The rules that are met, in the order of the file: the most urgent first.

    Only customers whom the CRM knows and who are no staff count. Somebody who broke off after a low score, or asked for a call
    before, is called all the same; what compares two answers, and thanks for one, waits for the whole answer.
    """
    if not facts.is_known or facts.is_staff:
        return {}
    now_in, before_in = band_of(scales, facts.scale, facts.score), band_of(scales, facts.scale, facts.previous_score)
    return {
        name: rule
        for name, rule in loop.rules.items()
        if facts.occurred_at > now - timedelta(days=rule.too_old_days)
        and (not rule.programmes or facts.programme in rule.programmes)
        and _is_met(rule, facts, now_in, before_in)
    }


def band_of(scales: Mapping[str, Scale], scale: str | None, score: int | None) -> Band | None:
    """promoter, passive or detractor; None without a score, on an unknown scale, or off it."""
    found = scales.get(scale or "")
    if found is None or score is None or not found.score_from <= score <= found.score_to:
        return None
    return cast(Band, band(score, found))


def _is_met(rule: Rule, facts: Facts, now_in: Band | None, before_in: Band | None) -> bool:
    can_be_compared = facts.is_complete and now_in is not None and before_in is not None
    moved_by = abs((facts.score or 0) - (facts.previous_score or 0))
    return {
        "low_score": now_in in rule.bands,
        "score_moved": can_be_compared and moved_by >= rule.by,
        "band_changed": can_be_compared and now_in != before_in,
        "promoter": facts.is_complete and now_in == "promoter",
        "call_back_requested": facts.may_call_back is True,
        "failed_interaction": facts.subject == "call" and facts.value is not None and facts.value >= rule.at_least,
        "complaint": facts.subject == "complaint",
        "predicted": facts.subject == "prediction" and facts.value is not None and facts.value >= rule.at_least,
        "unit_changed": False,  # see units.py
    }[rule.kind]
