"""Answers as the front line may see them: whose they are, in the customer's own words.

Who sees which answer is decided in the database, by `ops.seen_answers` and row-level security; nothing here widens it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.errors import fail

# An answer should be talked about while everybody remembers what happened.
DISCUSS_WITHIN = timedelta(days=7)


@dataclass(frozen=True)
class Answer:
    """One answer about what one employee did; who, is empty where a colleague reads it in the team's huddle.

    `is_moved`: a dispute was upheld, and it has come from somebody else. `is_discussed`: in a coaching or a huddle that the reader may
    see.
    """

    response_key: str
    responded_at: datetime
    programme: str | None
    scale: str | None
    score: int | None
    interaction_type: str | None
    employee_id: str | None
    unit_path: str | None
    is_moved: bool
    is_discussed: bool
    verbatim: str | None = field(repr=False)
    free_answers: dict[str, str] | None = field(repr=False)

    @property
    def words(self) -> list[str]:
        """All that the customer wrote."""
        return [text for text in (self.verbatim, *(self.free_answers or {}).values()) if text]


_SEEN = """
    select
        seen.*,
        exists (select from ops.coaching_answers as talked where talked.response_key = seen.response_key)
            or exists (select from ops.huddle_answers as talked where talked.response_key = seen.response_key) as is_discussed
    from ops.seen_answers(:since, cast(:keys as uuid[]), cast(:people as text[]), :under) as seen
    where seen.responded_at <= :now
    order by seen.responded_at desc, seen.response_key
    limit :limit
"""


def seen(
    connection: sa.Connection,
    *,
    now: datetime,
    since: datetime | None = None,
    keys: Iterable[str] = (),
    people: Sequence[str] | None = None,
    under: str | None = None,
    limit: int = 1000,
) -> list[Answer]:
    """Answers that the connection's employee may see, newest first: those since a moment up to `now`, and those of `keys`.

    `people` and `under`, the path of a unit, leave others out. A key that is none, unknown or of an answer that is not for the
    reader's eyes is left out too.
    """
    known = [str(key) for text in keys if (key := as_uuid(text))]
    given = {"since": since, "keys": known, "people": people, "under": under, "now": now, "limit": limit}
    return [Answer(**row) for row in connection.execute(sa.text(_SEEN), given).mappings()]


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def week_of(now: datetime, zone: ZoneInfo) -> date:
    """The Monday of the company's week that `now` falls into."""
    today = now.astimezone(zone).date()
    return today - timedelta(days=today.weekday())


def unit_path_of(connection: sa.Connection, employee_id: str) -> str:
    """Where an employee works today. Raises ShopkeeperError for one who is not known or has left."""
    found: str | None = connection.scalar(
        sa.text("select unit_path from ops.directory where employee_id = :id and is_here and unit_path is not null"), {"id": employee_id}
    )
    if found is None:
        raise fail(f"employee {employee_id}", "does not work here", "write the id of somebody who does")
    return found
