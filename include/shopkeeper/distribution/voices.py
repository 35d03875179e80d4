"""What customers said, in redacted words, and what was learned from calling them back; for everybody in one query each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.messages.writing import lines

# So many words of each band stand for a unit, and so many lessons.
PER_BAND, LEARNED = 3, 4


@dataclass(frozen=True)
class Voice:
    """One answer. `words` are redacted, line by line; empty where the customer wrote nothing."""

    response_id: str
    score: int
    band: str
    said_on: date
    programme: str
    about: str | None
    unit_id: str | None
    words: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Lesson:
    """What a call-back taught, in redacted words. `action` is a code."""

    learned_on: date
    unit_id: str | None
    action: str | None
    words: tuple[str, ...] = field(repr=False)


_COLUMNS = "response_id, score, band, responded_on, programme, interaction_type, org_unit_id, verbatim"
_COUNTED = "excluded_reason is null and score is not null and responded_on <= :day"
# Every unit that an answer, or an order, counts for: its own and all above.
_UNITS = "cross join lateral (values (team_id), (branch_id), (org_region_id), (company_id)) as units (unit_id)"


def _voice(row: sa.Row[Any]) -> Voice:
    said = lines(row.verbatim)
    return Voice(str(row.response_id), row.score, row.band, row.responded_on, row.programme, row.interaction_type, row.org_unit_id, said)


def of_employees(connection: sa.Connection, day: date, *, last: int) -> dict[str, list[Voice]]:
    """Employee → the `last` answers about him or her of 90 days up to `day`, the newest first."""
    query = f"""
        select * from (
            select employee_id, {_COLUMNS},
                row_number() over (partition by employee_id order by responded_at desc nulls last, response_id) as recency
            from frontline.fct_employee_responses
            where {_COUNTED} and employee_id is not null and responded_on > :since
        ) as ranked
        where recency <= :last order by employee_id, recency
    """
    found: dict[str, list[Voice]] = defaultdict(list)
    parameters = {"day": day, "since": day - timedelta(days=90), "last": last}
    for row in connection.execute(sa.text(query), parameters):
        found[row.employee_id].append(_voice(row))
    return found


def of_units(connection: sa.Connection, day: date, *, days: int, per_band: int = PER_BAND) -> dict[str, list[Voice]]:
    """Unit → the newest words of each band in so many days up to `day`: detractors first, then passives, then promoters."""
    query = f"""
        select * from (
            select units.unit_id, {_COLUMNS},
                row_number() over (partition by units.unit_id, band order by responded_at desc, response_id) as recency
            from marts.fct_survey_responses {_UNITS}
            where {_COUNTED} and verbatim is not null and units.unit_id is not null and responded_on > :since
        ) as ranked
        where recency <= :per_band
        order by unit_id, case band when 'detractor' then 1 when 'passive' then 2 else 3 end, recency
    """
    found: dict[str, list[Voice]] = defaultdict(list)
    for row in connection.execute(sa.text(query), {"day": day, "since": day - timedelta(days=days), "per_band": per_band}):
        if (voice := _voice(row)).words:
            found[row.unit_id].append(voice)
    return found


def newest(connection: sa.Connection, day: date, *, days: int, limit: int) -> list[Voice]:
    """The newest answers with words of the whole company in so many days up to `day`, the newest first."""
    query = f"""
        select {_COLUMNS} from marts.fct_survey_responses
        where {_COUNTED} and verbatim is not null and responded_on > :since
        order by responded_at desc nulls last, response_id limit :limit
    """
    rows = connection.execute(sa.text(query), {"day": day, "since": day - timedelta(days=days), "limit": limit})
    return [voice for row in rows if (voice := _voice(row)).words]


def learned(connection: sa.Connection, day: date, *, days: int) -> dict[str, list[Lesson]]:
    """Unit → what call-backs of it and all below taught in so many days up to `day`, the newest first."""
    query = f"""
        select * from (
            select units.unit_id, attempts.attempted_at, attempts.org_unit_id, attempts.action, attempts.learned,
                row_number() over (partition by units.unit_id order by attempts.attempted_at desc, attempts.attempt_id) as recency
            from marts.fct_contact_attempts as attempts
            inner join marts.fct_work_orders using (work_order_id) {_UNITS}
            where attempts.learned is not null and units.unit_id is not null
                and attempts.attempted_at >= :since and attempts.attempted_at < :until
        ) as ranked
        where recency <= :limit order by unit_id, recency
    """
    found: dict[str, list[Lesson]] = defaultdict(list)
    parameters = {"since": day - timedelta(days=days), "until": day + timedelta(days=1), "limit": LEARNED}
    for row in connection.execute(sa.text(query), parameters):
        if said := lines(row.learned):
            found[row.unit_id].append(Lesson(row.attempted_at.date(), row.org_unit_id, row.action, said))
    return found
