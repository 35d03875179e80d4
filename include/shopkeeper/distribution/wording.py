"""How scores, days and lessons are said, in the reader's language."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shopkeeper.company.config import Company
from shopkeeper.distribution.figures import Score
from shopkeeper.distribution.voices import Voice
from shopkeeper.messages import writing
from shopkeeper.survey import wording


def say(path: str, spoken: str, **values: object) -> str:
    """Our own words, such as `score.shown`, in a language, with names in braces replaced."""
    return writing.said(_words(), path, spoken, **values)


def points(value: float) -> str:
    """Whole points, with a true minus."""
    return f"{value:.0f}".replace("-0", "0").replace("-", "−")


def signed(value: float) -> str:
    """Whole points of a difference."""
    return ("+" if value > 0 else "") + points(value)


def count(value: int, spoken: str) -> str:
    return f"{value:,}".replace(",", "." if spoken == "de" else ",")


def score(one: Score | None, spoken: str) -> str:
    """A score with its interval and n, or why there is none."""
    if one is None:
        return say("score.none", spoken)
    n = count(one.n, spoken)
    if one.score is None or one.low is None or one.high is None:
        return say("score.hidden", spoken, n=n)
    path = "score.shown" if one.reporting == "reportable" else "score.indicative"
    return say(path, spoken, score=points(one.score), low=points(one.low), high=points(one.high), n=n)


def moved(one: Score, spoken: str) -> str | None:
    """How far it moved, where that is more than noise."""
    if one.change is None or not one.change_is_significant:
        return None
    return say("score.moved", spoken, change=signed(one.change))


def ahead(gap: tuple[float, float, float] | None, spoken: str) -> str | None:
    """How far we are ahead of a competitor, or that nobody can tell: a gap with its interval."""
    if gap is None:
        return None
    difference, low, high = gap
    path = "gap.ahead" if low > 0 else "gap.behind" if high < 0 else "gap.level"
    near, far = (low, high) if difference >= 0 else (-high, -low)
    ends = (low, high) if path == "gap.level" else (near, far)
    return say(path, spoken, points=points(abs(difference)), low=points(ends[0]), high=points(ends[1]))


def programme(one: Score) -> str:
    """Such as `Transactional`, with the metric's name where it is not the NPS."""
    name = one.programme.replace("_", " ").capitalize()
    return name if one.metric == "nps" else f"{name}, {one.metric}"


def said(voice: Voice, company: Company, spoken: str) -> str:
    """Such as `9 of 10, 3 March`."""
    highest = max((scale.score_to for scale in company.scales.values()), default=10)
    return say("said", spoken, score=voice.score, highest=highest, day=day(voice.said_on, spoken))


def day(on: date, spoken: str) -> str:
    return wording.day(on, spoken)


def moment(at: datetime, company: Company, spoken: str) -> str:
    local = at.astimezone(company.zone)
    return f"{day(local.date(), spoken)}, {local:%H:%M}"


@cache
def _words() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "words.yml").read_text(encoding="utf-8"))
    return read
