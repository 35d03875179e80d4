"""Where waiting starts to hurt: shares of promoters and detractors by days to resolution, against the fastest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.analysis.drivers.effects import USABLE, Answers, Effect, Model, adjusted, effects
from shopkeeper.analysis.drivers.levels import FEWEST, Driver
from shopkeeper.analysis.drivers.ordinal import Array

NAME = "days_to_resolution"
DAYS = (1, 2, 3, 4, 5, 7, 10, 14, 21, 28)  # where buckets end
LEVEL = 0.05


@dataclass(frozen=True)
class Bucket:
    """Answers about what took `from_days` up to, and not, `to_days` (none for the last). `p` is Holm-adjusted over the curve."""

    from_days: int
    to_days: int | None
    counts: Array  # detractors, passives, promoters
    effect: Effect
    p: float | None
    is_threshold: bool = False

    @property
    def name(self) -> str:
        if self.to_days is None:
            return f"{self.from_days} day{'s' if self.from_days > 1 else ''} or more"
        if self.from_days == 0:
            return "under 1 day" if self.to_days == 1 else f"under {self.to_days} days"
        last = self.to_days - 1
        return f"{self.from_days} to {last} days" if last > self.from_days else f"{last} day{'s' if last > 1 else ''}"


def curve(answers: Answers, hours: Array, *, instead_of: str) -> tuple[list[Bucket], Model]:
    """The buckets of these answers; `hours` to resolution are NaN where nothing was resolved.

    They take the place of the driver `instead_of`. Buckets next to each other are one until each holds thirty answers. The
    threshold is the first bucket that goes with fewer promoters than the fastest, Holm-adjusted.
    """
    edges = _edges(hours)
    if len(edges) < 3:
        return [], Model(len(hours), ())
    inner = np.array(edges[1:-1], float)
    place = np.where(np.isfinite(hours), np.searchsorted(inner * 24, hours, side="right"), -1)
    driver = Driver(NAME, "experience", tuple(str(edge) for edge in edges[:-1]), place)
    others = [one for one in answers.drivers if one.name != instead_of]
    model = effects(replace(answers, drivers=(driver, *others)), weighs=False)
    found = [effect for effect in model.effects if effect.driver.name == NAME]
    p_values = adjusted([effect.p for effect in found], method="holm")
    ends: Sequence[int | None] = [*edges[1:-1], None]
    buckets = [
        Bucket(edges[row], ends[row], np.bincount(answers.band[place == row], minlength=3), found[row], p_values[row])
        for row in range(len(found))
    ]
    hurts = next((row for row, bucket in enumerate(buckets) if _hurts(bucket)), None)
    return [replace(bucket, is_threshold=row == hurts) for row, bucket in enumerate(buckets)], model


def _hurts(bucket: Bucket) -> bool:
    promoters = bucket.effect.promoters
    return bucket.effect.verdict == USABLE and promoters is not None and promoters[0] < 0 and bucket.p is not None and bucket.p < LEVEL


def _edges(hours: Array) -> list[int]:
    """Starts of the buckets, and what ends the last."""
    known = hours[np.isfinite(hours)]
    edges, start = [0], 0.0
    for end in DAYS:
        inside = ((known >= start * 24) & (known < end * 24)).sum()
        if inside >= FEWEST and (known >= end * 24).sum() >= FEWEST:
            edges.append(end)
            start = end
    return [*edges, DAYS[-1] + 1] if len(known) >= FEWEST else []
