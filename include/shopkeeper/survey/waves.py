"""Which waves are due: by the calendar of a cadence, or whenever there may be interactions that no wave has covered yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.company.programmes import Cadence, Programme
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.survey_tables import WAVES


@dataclass(frozen=True)
class Wave:
    """A wave that is to be drawn. It covers (covers_from, covers_to]; `began` is where the programme's first wave began to cover.

    `first_day` is the first day of a cadence's wave, in company time; None for a programme that follows interactions.
    `missed` names the waves of the cadence before it that were never drawn.
    """

    programme: str
    name: str
    covers_from: datetime
    covers_to: datetime
    began: datetime
    first_day: date | None = None
    missed: tuple[str, ...] = ()

    @property
    def salt(self) -> str:
        return f"{self.programme}|{self.name}"

    @property
    def wave_id(self) -> UUID:
        return stable_id("wave", self.programme, self.name)


@dataclass(frozen=True)
class Nothing:
    """No wave is due, and why."""

    programme: str
    reason: str


def due(connection: sa.Connection, name: str, programme: Programme, *, as_of: datetime, zone: ZoneInfo) -> Wave | Nothing:
    """The wave of a programme that `as_of` calls for, whether it has been drawn already or not."""
    last = connection.execute(
        sa.select(WAVES.c.name, WAVES.c.covers_to).where(WAVES.c.programme == name).order_by(WAVES.c.covers_to.desc()).limit(1)
    ).one_or_none()
    began = connection.scalar(sa.select(sa.func.min(WAVES.c.covers_from)).where(WAVES.c.programme == name))
    if programme.cadence is not None:
        return _by_calendar(name, programme.cadence, last.name if last else None, as_of, zone)
    assert programme.after is not None
    if last is not None and as_of < last.covers_to:
        return Nothing(name, f"what came before {_stamp(last.covers_to)} has been covered")
    first = as_of - timedelta(days=programme.after.too_old_days)
    return Wave(name, _stamp(as_of), covers_from=last.covers_to if last else first, covers_to=as_of, began=began or first)


def _by_calendar(name: str, cadence: Cadence, last: str | None, as_of: datetime, zone: ZoneInfo) -> Wave | Nothing:
    today = as_of.astimezone(zone).date()
    if today < cadence.starts_on:
        return Nothing(name, f"its first wave begins on {cadence.starts_on}")
    step = timedelta(days=cadence.every_days)
    first_day = cadence.starts_on + (today - cadence.starts_on) // step * step
    if last is not None and last > first_day.isoformat():
        return Nothing(name, f"its wave of {last} has been drawn")
    missed = []
    before = first_day - step
    while last is not None and before.isoformat() > last:
        missed.append(before.isoformat())
        before -= step
    start = midnight(first_day, zone)
    return Wave(name, first_day.isoformat(), start, midnight(first_day + step, zone), start, first_day, tuple(reversed(missed)))


def next_day(cadence: Cadence, as_of: datetime, zone: ZoneInfo) -> date:
    """First day of the first wave that begins after `as_of`."""
    today = as_of.astimezone(zone).date()
    if today < cadence.starts_on:
        return cadence.starts_on
    step = timedelta(days=cadence.every_days)
    return cadence.starts_on + ((today - cadence.starts_on) // step + 1) * step


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
