"""How answers are weighted to those who could have been asked, and what is supposed of those who said nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from shopkeeper.company.base import Model, did_you_mean

# What is known of a customer, or of the interaction asked about, when the customer is or could have been asked: columns of
# int_weighting__frames, the same list as macros/weighting.sql.
VARIABLES = (
    "segment",
    "region",
    "country",
    "acquisition_channel",
    "tenure_band",
    "value_band",
    "recent_complaint",
    "failed_interaction_band",
    "channel",
    "interaction_type",
    "outcome",
    "product_category",
)


def variables_of(margin: str) -> tuple[str, ...]:
    """The variables that a margin crosses: `segment * tenure_band` has two."""
    return tuple(part.strip() for part in margin.replace("×", "*").split("*"))


class Weights(Model):
    """How the answers of one programme are weighted: once for each of its waves, or months where it has none."""

    margins: tuple[str, ...] = Field(
        min_length=1,
        description="what weighted answers agree with the frame on: segment, region, country, acquisition_channel, tenure_band, "
        "value_band, recent_complaint, failed_interaction_band, and of the interaction channel, interaction_type, outcome, "
        "product_category; `segment * tenure_band` is both crossed",
    )
    method: Literal["raking", "post_stratification"] = Field(
        "raking", description="`raking` takes each margin for itself, in turn; `post_stratification` crosses all of them"
    )
    trim: Decimal = Field(Decimal("5.0"), gt=1, description="the largest adjustment, in multiples of the mean one")

    @field_validator("margins")
    @classmethod
    def _known(cls, margins: tuple[str, ...]) -> tuple[str, ...]:
        for margin in margins:
            for name in variables_of(margin):
                if name not in VARIABLES:
                    raise ValueError(f"{name!r} is nothing that is known of everybody who could have been asked; {_hint(name)}")
        return margins

    @property
    def variables(self) -> tuple[str, ...]:
        """Each variable once, in the order in which the margins name them."""
        return tuple(dict.fromkeys(name for margin in self.margins for name in variables_of(margin)))


class Sensitivity(Model):
    """Over which range answering may depend on the score itself: no weight repairs that, so the score is shown over the range."""

    answering_from: Decimal = Field(
        Decimal("0.5"), gt=0, le=1, description="how often detractors answer for each time that a promoter does, at least"
    )
    answering_to: Decimal = Field(Decimal("1.5"), ge=1, description="the same, at most")
    goals: dict[str, Decimal] = Field(
        {}, description="programme → the score that was promised, in points: whether it is met may hang on the range"
    )

    @model_validator(mode="after")
    def _in_points(self) -> Sensitivity:
        if any(not -100 <= goal <= 100 for goal in self.goals.values()):
            raise ValueError("a goal is a score: -100 to 100 points")
        return self


def _hint(name: str) -> str:
    return did_you_mean(name, list(VARIABLES))
