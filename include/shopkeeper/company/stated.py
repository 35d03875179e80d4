"""Scores that somebody else states: what a survey provider's own page says, to be set beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from shopkeeper.company.base import Misfit, Model

MONTHS = {"month": 1, "quarter": 3, "year": 12}


class StatedScore(Model):
    """What a provider's own page says of one programme in one period of the calendar. It is shown beside ours and never added to it."""

    provider: str = Field(min_length=1, description="who states it, by the name that its answers carry (`provider`, or the source's name)")
    programme: str = Field(min_length=1, description="the survey programme, by the name that answers carry")
    scale: str = Field("0-10", description="the scale that was asked on; one of `scales`")
    period: Literal["month", "quarter", "year"] = Field(description="of the calendar")
    starts_on: date = Field(description="first day of the period")
    score: Decimal = Field(ge=-100, le=100, description="promoters less detractors, in points, with as many digits as the page has")
    answers: int | None = Field(None, ge=0, description="how many answers the page says that it counts, where it says so")

    @model_validator(mode="after")
    def _begins_a_period(self) -> StatedScore:
        if self.starts_on.day != 1 or (self.starts_on.month - 1) % MONTHS[self.period]:
            raise ValueError(f"no {self.period} of the calendar starts on {self.starts_on}")
        return self

    @property
    def ends_on(self) -> date:
        month = self.starts_on.month - 1 + MONTHS[self.period]
        return date(self.starts_on.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    @property
    def digits(self) -> int:
        """After the point: a page that shows whole numbers has rounded."""
        exponent = self.score.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0


def stated_fit(stated: Sequence[StatedScore], scales: Sequence[str]) -> list[Misfit]:
    """What is wrong between stated scores, or between one and the scales: a scale without bands, one period stated twice."""
    misfits, seen = [], set[tuple[object, ...]]()
    for number, one in enumerate(stated):
        place = ("stated_scores", number)
        if one.scale not in scales:
            misfits.append(Misfit((*place, "scale"), f"{one.scale} has no bands", f"use one of {', '.join(scales)}", (("scales",),)))
        key = (one.provider, one.programme, one.scale, one.period, one.starts_on)
        if key in seen:
            misfits.append(Misfit(place, f"{one.provider} states this {one.period} of {one.programme} twice", "keep one of them"))
        seen.add(key)
    return misfits
