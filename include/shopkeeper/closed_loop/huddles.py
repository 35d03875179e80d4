"""Huddles: a team's short weekly talk about what customers said, what it led to, and what the team cannot mend itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.closed_loop import answers
from shopkeeper.closed_loop.answers import Answer
from shopkeeper.errors import fail
from shopkeeper.warehouse import ids

WEEK = timedelta(days=7)
# A huddle takes a quarter of an hour: more than this is no agenda.
LONGEST_AGENDA = 30


@dataclass(frozen=True)
class Unit:
    org_unit_id: str
    unit_path: str


@dataclass(frozen=True)
class Issue:
    """`sent_at`: when it went to the outer loop's backlog."""

    issue_id: UUID
    raised_by: str
    owner_employee_id: str | None
    raised_at: datetime
    done_at: datetime | None
    sent_at: datetime | None
    week_starts_on: date
    issue: str = field(repr=False)


@dataclass(frozen=True)
class Order:
    """An open work order, as far as a huddle goes into it."""

    order_id: UUID
    rule: str
    owner_employee_id: str | None
    opened_at: datetime
    due_at: datetime | None
    attempts: int


@dataclass(frozen=True)
class Huddle:
    """One unit's huddle of one week. Until it is held its answers are those of the seven days up to now; then those talked about.

    `more_answers` were left out because the agenda would have been too long. `issues` were raised in this huddle, `still_open` in
    earlier ones.
    """

    unit: Unit
    week_starts_on: date
    held_at: datetime | None
    led_by: str | None
    answers: list[Answer]
    more_answers: int
    orders: list[Order]
    issues: list[Issue]
    still_open: list[Issue]


def huddle_id(unit: Unit, week_starts_on: date) -> UUID:
    return ids.stable_id("huddle", unit.org_unit_id, week_starts_on.isoformat())


def units(connection: sa.Connection) -> list[Unit]:
    """The units whose huddles the connection's employee may see: the own one, and for a leader those below."""
    found = connection.execute(
        sa.text(
            """
            select org_unit_id, min(unit_path) as unit_path
            from ops.directory
            where is_here and org_unit_id is not null and unit_path is not null
            group by org_unit_id
            having min(unit_path) = ops.own_unit() or ops.sees_unit(min(unit_path))
            order by min(unit_path)
            """
        )
    )
    return [Unit(row.org_unit_id, row.unit_path) for row in found]


def held(connection: sa.Connection, *, limit: int = 20) -> list[tuple[Unit, date, datetime, str]]:
    """The last huddles that the reader may see: unit, week, when held, and who led."""
    found = connection.execute(
        sa.text(
            """
            select org_unit_id, unit_path, week_starts_on, held_at, led_by from ops.huddles
            where held_at is not null order by held_at desc, org_unit_id limit :limit
            """
        ),
        {"limit": limit},
    )
    return [(Unit(row.org_unit_id, row.unit_path), row.week_starts_on, row.held_at, row.led_by) for row in found]


def agenda(connection: sa.Connection, unit: Unit, week_starts_on: date, *, zone: ZoneInfo, now: datetime) -> Huddle:
    """What the huddle of that week is, or was, about; under row-level security, so a member sees no more than a member may."""
    given = {"id": huddle_id(unit, week_starts_on), "unit": unit.org_unit_id, "path": unit.unit_path, "week": week_starts_on}
    kept = connection.execute(sa.text("select held_at, led_by from ops.huddles where huddle_id = :id"), given).first()
    held_at, led_by = (kept.held_at, kept.led_by) if kept else (None, None)
    if held_at:
        keys = connection.scalars(sa.text("select response_key from ops.huddle_answers where huddle_id = :id"), given).all()
        listed, more = answers.seen(connection, now=now, keys=keys), 0
    else:
        listed, more = _waiting(connection, unit, week_starts_on, zone, now)
    orders = connection.execute(
        sa.text(
            """
            select order_id, rule, owner_employee_id, opened_at, due_at, attempts from ops.work_orders
            where state = 'open' and starts_with(unit_path, :path) order by due_at nulls last, order_id limit 50
            """
        ),
        given,
    ).mappings()
    issues = [
        Issue(**row)
        for row in connection.execute(
            sa.text(
                """
                select
                    issues.issue_id, issues.raised_by, issues.owner_employee_id, issues.raised_at, issues.done_at, backlog.sent_at,
                    huddles.week_starts_on, texts.issue
                from ops.huddle_issues as issues
                inner join ops.huddles using (huddle_id)
                inner join pii.huddle_texts as texts using (issue_id)
                left join ops.backlog on backlog.source = 'huddle' and backlog.source_id = issues.issue_id
                where huddles.org_unit_id = :unit
                    and (huddles.week_starts_on = :week or (huddles.week_starts_on < :week and issues.done_at is null))
                order by issues.raised_at, issues.issue_id
                """
            ),
            given,
        ).mappings()
    ]
    return Huddle(
        unit=unit,
        week_starts_on=week_starts_on,
        held_at=held_at,
        led_by=led_by,
        answers=listed,
        more_answers=more,
        orders=[Order(**row) for row in orders],
        issues=[issue for issue in issues if issue.week_starts_on == week_starts_on],
        still_open=[issue for issue in issues if issue.week_starts_on < week_starts_on],
    )


def _waiting(connection: sa.Connection, unit: Unit, week_starts_on: date, zone: ZoneInfo, now: datetime) -> tuple[list[Answer], int]:
    """The unit's answers of the seven days up to now that no huddle has talked about: those with words first."""
    until = min(now, datetime.combine(week_starts_on + WEEK, time(), zone))
    told = set(
        connection.scalars(
            sa.text(
                "select response_key from ops.huddle_answers inner join ops.huddles using (huddle_id) where starts_with(unit_path, :path)"
            ),
            {"path": unit.unit_path},
        )
    )
    found = [one for one in answers.seen(connection, now=until, since=until - WEEK, under=unit.unit_path) if one.response_key not in told]
    found.sort(key=lambda one: not one.words)
    return found[:LONGEST_AGENDA], max(0, len(found) - LONGEST_AGENDA)


def hold(
    connection: sa.Connection, unit: Unit, week_starts_on: date, *, led_by: str, discussed: Sequence[str], held_at: datetime, now: datetime
) -> None:
    """The huddle has been held, and these answers were talked about. A huddle is held once: again, it changes nothing.

    Raises ShopkeeperError for a huddle in the future. Row-level security lets only leaders of the unit say so.
    """
    if held_at > now:
        raise fail("huddle", "lies in the future", "say that it was held once it has been")
    answers.unit_path_of(connection, led_by)
    given = {"id": _begin(connection, unit, week_starts_on), "led_by": led_by, "held_at": held_at, "now": now}
    changed = connection.execute(
        sa.text(
            "update ops.huddles set held_at = :held_at, led_by = :led_by, recorded_at = :now where huddle_id = :id and held_at is null"
        ),
        given,
    ).rowcount
    if changed and discussed:
        connection.execute(
            sa.text("insert into ops.huddle_answers (huddle_id, response_key) values (:id, :key)"),
            [{"id": given["id"], "key": key} for key in sorted(set(discussed))],
        )


def raise_issue(
    connection: sa.Connection, unit: Unit, week_starts_on: date, issue_id: UUID, *, issue: str, owner: str | None, actor: str, now: datetime
) -> None:
    """Note an issue and who sees to it; the same id again changes nothing. Raises ShopkeeperError for one without words."""
    if not issue.strip():
        raise fail("issue", "does not say what it is", "write one sentence")
    if owner:
        answers.unit_path_of(connection, owner)
    added = connection.execute(
        sa.text(
            """
            insert into ops.huddle_issues (issue_id, huddle_id, raised_by, owner_employee_id, raised_at)
            values (:id, :huddle_id, :actor, :owner, :now)
            on conflict (issue_id) do nothing
            """
        ),
        {"id": issue_id, "huddle_id": _begin(connection, unit, week_starts_on), "actor": actor, "owner": owner or None, "now": now},
    ).rowcount
    if added:
        connection.execute(
            sa.text("insert into pii.huddle_texts (issue_id, issue) values (:id, :issue)"), {"id": issue_id, "issue": issue.strip()}
        )


def finish_issue(connection: sa.Connection, issue_id: UUID, *, actor: str, now: datetime) -> None:
    """It is done. Again, it changes nothing."""
    connection.execute(
        sa.text("update ops.huddle_issues set done_at = :now, done_by = :actor where issue_id = :id and done_at is null"),
        {"id": issue_id, "actor": actor, "now": now},
    )


def send_to_backlog(connection: sa.Connection, unit: Unit, issue_id: UUID, *, actor: str, now: datetime) -> None:
    """Hand an issue to the outer loop, because the team cannot mend it itself. Once, however often it is asked for."""
    connection.execute(
        sa.text(
            """
            insert into ops.backlog (item_id, source, source_id, org_unit_id, sent_by, sent_at)
            values (:item_id, 'huddle', :id, :unit, :actor, :now)
            on conflict do nothing
            """
        ),
        {
            "item_id": ids.stable_id("backlog", "huddle", str(issue_id)),
            "id": issue_id,
            "unit": unit.org_unit_id,
            "actor": actor,
            "now": now,
        },
    )


def _begin(connection: sa.Connection, unit: Unit, week_starts_on: date) -> UUID:
    """The huddle's row, made when something is first written to it."""
    found = huddle_id(unit, week_starts_on)
    connection.execute(
        sa.text(
            """
            insert into ops.huddles (huddle_id, org_unit_id, unit_path, week_starts_on) values (:id, :unit, :path, :week)
            on conflict do nothing
            """
        ),
        {"id": found, "unit": unit.org_unit_id, "path": unit.unit_path, "week": week_starts_on},
    )
    return found
