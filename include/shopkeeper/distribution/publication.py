"""Which publication is told about, and whether it may be told at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import mode
from shopkeeper.warehouse.tables import PUBLICATIONS

NOTHING_PUBLISHED = "nothing has been published yet"
TOO_OLD = "the publication is of a day long past, and live delivery tells nobody about that: a past report was remade"
NO_WORKING_DAY = "nobody works on the day that the publication is of"


@dataclass(frozen=True)
class Publication:
    """The marts as they are now. `day` is the date of `as_of` in company time: scorecards are made once for each."""

    publication_id: int
    as_of: datetime
    zone: ZoneInfo

    @property
    def day(self) -> date:
        return self.as_of.astimezone(self.zone).date()

    @property
    def week_starts_on(self) -> date:
        """The Monday of the week that is going on."""
        return self.day - timedelta(days=self.day.weekday())


def newest(connection: sa.Connection, folder: CompanyFolder) -> Publication | None:
    """The marts that readers see, or None before the first publication."""
    query = sa.select(PUBLICATIONS.c.publication_id, PUBLICATIONS.c.as_of).order_by(PUBLICATIONS.c.publication_id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Publication(row.publication_id, row.as_of, folder.company.zone) if row else None


def why_silent(connection: sa.Connection, folder: CompanyFolder, published: Publication, *, now: datetime) -> str | None:
    """Why nobody is written to about this publication; None where they are.

    In live delivery one that lags behind the clock by more than the folder calls fresh is a past report remade.
    """
    oldest = now - timedelta(hours=folder.company.freshness.publication_hours)
    if mode.current(connection).delivery == "live" and published.as_of < oldest:
        return TOO_OLD
    calendar = folder.closed_loop.calendar
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[published.day.weekday()]
    return None if weekday in calendar.weekdays and published.day not in calendar.holidays else NO_WORKING_DAY
