"""The company's working time: when something is due that people do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from shopkeeper.company.closed_loop import Calendar

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_working_day(calendar: Calendar, day: date) -> bool:
    return WEEKDAYS[day.weekday()] in calendar.weekdays and day not in calendar.holidays


def next_working_moment(calendar: Calendar, zone: ZoneInfo, moment: datetime) -> datetime:
    """`moment` where it is working time, else when work begins next; in UTC."""
    return next(max(moment, starts).astimezone(UTC) for starts, ends in _spans(calendar, zone, moment) if moment < ends)


def add_hours(calendar: Calendar, zone: ZoneInfo, moment: datetime, hours: float) -> datetime:
    """So many hours later, by the clock on the wall of somebody who never sleeps; in UTC.

    Where that is no working time, when work begins next; and where nobody would have worked between `moment` and then, as after a
    signal on Saturday night, when that working day ends: nothing is due before somebody could have done it.
    """
    due = next_working_moment(calendar, zone, moment + timedelta(hours=hours))
    starts, ends = next((starts, ends) for starts, ends in _spans(calendar, zone, moment) if moment < ends)
    return due if max(starts, moment) < due else ends.astimezone(UTC)


def _spans(calendar: Calendar, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Working days from the day of `moment` on, each as [starts, ends)."""
    first = moment.astimezone(zone).date()
    for number in count():
        day = first + timedelta(days=number)
        if is_working_day(calendar, day):
            yield datetime.combine(day, calendar.starts, zone), datetime.combine(day, calendar.ends, zone)
