"""When invitations are due: inside the programme's window of the day, on the customer's own clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa

from shopkeeper.company.programmes import WEEKDAYS, Programme, SendWindow
from shopkeeper.survey.waves import Wave

Window = tuple[datetime, datetime]
PROGRAMMES_OWN = ""  # the arm under which the window of the programme itself stands
LONGEST_REACH_DAYS = 16  # to the next day on which e-mails go out, and one week on where the clock jumps over its window


@cache
def zones() -> Mapping[str, ZoneInfo]:
    """Every timezone that a customer may be in, by name."""
    return {name: ZoneInfo(name) for name in sorted(available_timezones())}


def opens_and_closes(window: SendWindow, day: date, zone: ZoneInfo) -> Window:
    """The window of one day as moments; between them the local clock shows nothing outside the window.

    A time that the clock jumps over counts as the moment of the jump, so a window may vanish; of times that come twice,
    it opens at the second and closes at the first, unless it lies between them whole.
    """
    opens, closes = _moment(day, window.starts, zone, fold=1), _moment(day, window.ends, zone, fold=0)
    return (opens, closes) if opens <= closes else (_moment(day, window.starts, zone, fold=0), closes)


def _moment(day: date, clock: time, zone: ZoneInfo, *, fold: int) -> datetime:
    local = datetime.combine(day, clock, zone).replace(fold=fold)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    before, after = sorted(local.replace(fold=each).astimezone(UTC) for each in (0, 1))
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):  # the jump lies between the two readings of a time that it skips
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after.replace(microsecond=0)


def spread(window: SendWindow, zone: ZoneInfo, *, first_day: date, spread_days: int, after: datetime) -> list[Window]:
    """What is left after a moment of the windows of a wave that is spread over so many days from `first_day` on; at least one."""
    found: list[Window] = []
    for number in range(spread_days + LONGEST_REACH_DAYS):
        day = first_day + timedelta(days=number)
        if found and number >= spread_days:
            break
        if WEEKDAYS[day.weekday()] in window.weekdays:
            opens, closes = opens_and_closes(window, day, zone)
            if max(opens, after) < closes:
                found.append((max(opens, after), closes))
    return found


def following(window: SendWindow, zone: ZoneInfo, *, after: datetime, until: datetime) -> list[Window]:
    """Windows that close after `after`, up to and with the first that opens after `until`."""
    found: list[Window] = []
    day = after.astimezone(zone).date() - timedelta(days=1)
    while not found or found[-1][0] <= until:
        if WEEKDAYS[day.weekday()] in window.weekdays:
            opens, closes = opens_and_closes(window, day, zone)
            if max(opens, after) < closes:
                found.append((opens, closes))
        day += timedelta(days=1)
    return found


def arms_windows(programme: Programme) -> dict[str, SendWindow]:
    """Arm (as `test/arm`) → its window, for arms that have one of their own; the programme's under `PROGRAMMES_OWN`."""
    own = {
        f"{test}/{arm}": parts.window
        for test, split in programme.split_tests.items()
        for arm, parts in split.arms.items()
        if parts.window is not None
    }
    return {PROGRAMMES_OWN: programme.window, **own}


def store(connection: sa.Connection, programme: Programme, wave: Wave, *, as_of: datetime, company_zone: ZoneInfo) -> None:
    """Make the temporary table `send_windows`: arm, timezone, place among those of its arm and timezone, how many these are, window."""
    rows = []
    for arm, window in arms_windows(programme).items():
        for name, zone in zones().items():
            if programme.cadence is not None and wave.first_day is not None:
                first_day = max(wave.first_day, as_of.astimezone(company_zone).date())
                windows = spread(window, zone, first_day=first_day, spread_days=programme.cadence.spread_days, after=as_of)
            else:
                wait = timedelta(hours=programme.after.wait_hours if programme.after else 0)
                windows = following(window, zone, after=as_of, until=as_of + wait)
            rows += [(arm, name, place, len(windows), opens, closes) for place, (opens, closes) in enumerate(windows)]
    _fill(connection, rows)


def _fill(connection: sa.Connection, rows: Iterable[tuple[str, str, int, int, datetime, datetime]]) -> None:
    connection.execute(
        sa.text(
            """
            create temporary table send_windows (
                arm text, timezone text, place integer, places integer, opens_at timestamptz, closes_at timestamptz
            ) on commit drop
            """
        )
    )
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy("copy send_windows from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(sa.text("analyze send_windows"))
