"""What can be asked of the simulator, and its calendar. No wall clock: the data end on a stated day."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from shopkeeper.errors import fail

Array = npt.NDArray[Any]

DAY = 86_400
NEVER = np.int64(4_102_444_800)  # 2100-01-01, in seconds: after everything
NEVER_DAY = int(NEVER // DAY)
ZONE = ZoneInfo("Europe/Berlin")

RELATIONSHIP, TRANSACTIONAL = 0, 1
PROGRAMMES = ("relationship", "transactional")
DETRACTOR, PASSIVE, PROMOTER = 0, 1, 2
BANDS = ("detractor", "passive", "promoter")


class GamingMode(StrEnum):
    ASKING_ONLY_THE_HAPPY = "asking_only_the_happy"
    ALTERED_ADDRESSES = "altered_addresses"
    ANSWERING_ONESELF = "answering_oneself"
    BEGGING = "begging"
    STRATEGIC_TIMING = "strategic_timing"


@dataclass(frozen=True)
class Gaming:
    """One way of gaming, at one branch, in its newest `answers` transactional answers.

    `promoter_lift` is how far it raises the share of promoters among them (0.35 = 35 points), as far as there is room
    below 97 %. `branch` counts from 0; without one each mode has its own.
    """

    mode: GamingMode
    answers: int = 250
    promoter_lift: float = 0.35
    branch: int | None = None

    @property
    def branch_index(self) -> int:
        return 4 * list(GamingMode).index(self.mode) + 2 if self.branch is None else self.branch


@dataclass(frozen=True)
class SimulationConfig:
    """Same config, same bytes.

    `ends_on` is the last day with data; `months` is the length of the history (18 at least: a year of follow-up after
    a wave). `fault_share` is the number of faulty rows, as a share of the answers. Customers are made in parts of
    `part_size`, so that memory does not grow with their number. `improves`: an initiative works (demo/improvement.py).
    """

    seed: int = 1
    customers: int = 20_000
    months: int = 36
    ends_on: date = date(2026, 6, 30)
    nonresponse: Literal["ignorable", "interaction", "score"] = "ignorable"
    gaming: tuple[Gaming, ...] = ()
    overlap: Literal["good", "destroyed"] = "good"
    improves: bool = False
    wave_fraction: float = 0.5
    fault_share: float = 0.01
    missing_email_share: float = 0.05
    part_size: int = 25_000

    def __post_init__(self) -> None:
        for is_wrong, what, hint in (
            (self.customers < 1, f"{self.customers} customers", "ask for at least 1"),
            (self.seed < 0, f"seed {self.seed}", "a seed is 0 or more"),
            (self.months < 18, f"{self.months} months", "at least 18: a year has to follow a wave"),
            (not 0 < self.wave_fraction <= 1, f"wave_fraction {self.wave_fraction}", "above 0, up to 1"),
            (not 0 <= self.fault_share <= 0.2, f"fault_share {self.fault_share}", "0 to 0.2"),
            (not 0 <= self.missing_email_share <= 0.9, f"missing_email_share {self.missing_email_share}", "0 to 0.9"),
            (any(not 0 <= g.branch_index < 24 for g in self.gaming), "a gaming branch that is not there", "branches are 0 to 23"),
            (len({g.branch_index for g in self.gaming}) < len(self.gaming), "two ways of gaming at one branch", "give each its own branch"),
        ):
            if is_wrong:
                raise fail("simulation", what, hint)

    @property
    def starts_on(self) -> date:
        """First day of the history: the first of a month."""
        months = self.ends_on.year * 12 + self.ends_on.month - self.months
        return date(months // 12, months % 12 + 1, 1)

    @property
    def as_of(self) -> datetime:
        """The moment after the last day, in company time: what `now` is for a run over this company."""
        following = self.ends_on + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=ZONE)

    @property
    def start_day(self) -> int:
        return day_number(self.starts_on)

    @property
    def end_day(self) -> int:
        """First day without data."""
        return day_number(self.ends_on) + 1

    @property
    def wave_days(self) -> Array:
        """Days of the relationship waves: Tuesdays, 26 weeks apart, the newest seven to eight weeks before the last day."""
        newest = self.end_day - 1 - 49
        newest -= (newest + 2) % 7  # 1970-01-01 was a Thursday
        count = (newest - self.start_day - 90) // 182 + 1
        days: Array = newest - 182 * np.arange(count - 1, -1, -1)
        return days

    @property
    def anchor_wave(self) -> int:
        """The newest wave that a whole year of data follows: the one whose band moves what customers spend."""
        return int(np.flatnonzero(self.wave_days + 365 < self.end_day)[-1])

    @property
    def parts(self) -> int:
        return -(-self.customers // self.part_size)

    def stream(self, name: str, part: int = 0) -> np.random.Generator:
        """Random numbers of one purpose, the same whatever else is switched on."""
        return np.random.default_rng([self.seed, part, zlib.crc32(name.encode())])

    def described(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "ends_on": self.ends_on.isoformat(),
            "starts_on": self.starts_on.isoformat(),
            "gaming": [g.mode for g in self.gaming],
        }


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def date_of(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=int(day))


def to_utc(local: Array) -> Array:
    """UTC seconds of local ones. One offset per day serves: the company's clocks change at night, when nothing happens."""
    days = local // DAY
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    offsets = np.array([_offset_at_noon(day) for day in range(first, last + 1)])
    utc: Array = local - offsets[days - first]
    return utc


def _offset_at_noon(day: int) -> int:
    noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    offset = noon.astimezone(ZONE).utcoffset()
    return int(offset.total_seconds()) if offset else 0
