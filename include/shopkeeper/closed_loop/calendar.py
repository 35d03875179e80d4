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
    """So many hours by the clock on the wall, from `moment` or, where that is no working time, from when work begins next; in UTC.

    Where that ends in no working time, when work begins next. So nothing is due before somebody could have begun with it: 24 hours
    from Saturday night end on Tuesday morning where nobody works on Sundays.
    """
    begins = next_working_moment(calendar, zone, moment)
    return next_working_moment(calendar, zone, begins + timedelta(hours=hours))


def _spans(calendar: Calendar, zone: ZoneInfo, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Working days from the day of `moment` on, each as [starts, ends)."""
    first = moment.astimezone(zone).date()
    for number in count():
        day = first + timedelta(days=number)
        if is_working_day(calendar, day):
            yield datetime.combine(day, calendar.starts, zone), datetime.combine(day, calendar.ends, zone)
