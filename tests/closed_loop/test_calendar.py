"""When something is due: in working time, and never before somebody could have begun with it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.closed_loop.calendar import WEEKDAYS, add_hours, is_working_day, next_working_moment
from shopkeeper.company.closed_loop import Calendar

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Calendar(weekdays=("mon", "tue", "wed", "thu", "fri"), holidays=(date(2026, 4, 3), date(2026, 4, 6)))
calendars = st.builds(
    Calendar,
    weekdays=st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True).map(tuple),
    starts=st.times(max_value=time(11, 59)),
    ends=st.times(min_value=time(12)),
    holidays=st.lists(st.dates(date(2026, 3, 1), date(2026, 4, 30)), max_size=20).map(tuple),
)
moments = st.integers(0, 60 * 24 * 60).map(lambda minutes: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=minutes))
hours = st.integers(0, 24 * 10)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)


@given(calendars, moments, hours)
def test_what_is_due_is_due_in_working_time_and_can_be_done_by_then(calendar: Calendar, moment: datetime, length: int) -> None:
    # A call that is due on Monday at eight because of an answer on Saturday night is late before anybody could have made it.
    due = add_hours(calendar, BERLIN, moment, length)
    local = due.astimezone(BERLIN)
    assert due.tzinfo is UTC
    assert is_working_day(calendar, local.date())
    assert calendar.starts <= local.time().replace(tzinfo=None) < calendar.ends
    begins = next_working_moment(calendar, BERLIN, moment)
    assert moment <= begins
    assert begins + timedelta(hours=length) <= due


@given(calendars, moments, moments, hours)
def test_who_comes_first_is_due_first(calendar: Calendar, one: datetime, other: datetime, length: int) -> None:
    # Otherwise a customer who waited longer would stand further down in the list of what is due.
    first, last = sorted((one, other))
    assert add_hours(calendar, BERLIN, first, length) <= add_hours(calendar, BERLIN, last, length)


def test_a_day_from_an_answer() -> None:
    a_day = [
        (berlin(2026, 3, 3, 10), berlin(2026, 3, 4, 10)),  # a Tuesday
        (berlin(2026, 3, 3, 21), berlin(2026, 3, 5, 8)),  # at night: the whole of Wednesday is there for it
        (berlin(2026, 3, 6, 17, 30), berlin(2026, 3, 9, 8)),  # half an hour of Friday is left
        (berlin(2026, 3, 7, 12), berlin(2026, 3, 10, 8)),  # a Saturday
        (berlin(2026, 4, 2, 15), berlin(2026, 4, 7, 8)),  # before Easter
        (berlin(2026, 3, 27, 10), berlin(2026, 3, 30, 8)),  # over the night in which the clock is put forward
    ]
    for moment, due in a_day:
        assert add_hours(WEEK, BERLIN, moment, 24) == due, moment
