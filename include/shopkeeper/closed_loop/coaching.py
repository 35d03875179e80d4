"""Coaching: a talk about customers' answers, what the employee will try after it, and later, what came of that.

A leader coaches those below; whoever was coached by a peer writes the talk down and names the peer. So nobody opens a colleague's
answers to himself: they are opened by the one whom they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.answers import unit_path_of
from shopkeeper.errors import fail


@dataclass(frozen=True)
class Coaching:
    """`answers` are the keys of those that were talked about."""

    coaching_id: UUID
    employee_id: str
    coach_employee_id: str
    held_at: datetime
    result_at: datetime | None
    answers: list[str]
    will_try: str | None = field(repr=False)
    result: str | None = field(repr=False)


_COACHINGS = """
    select
        coachings.coaching_id, coachings.employee_id, coachings.coach_employee_id, coachings.held_at, coachings.result_at,
        texts.will_try, texts.result,
        array(
            select response_key from ops.coaching_answers as talked
            where talked.coaching_id = coachings.coaching_id order by response_key
        ) as answers
    from ops.coachings
    left join pii.coaching_texts as texts using (coaching_id)
"""


def visible(connection: sa.Connection, *, limit: int = 50) -> list[Coaching]:
    """The talks that the connection's employee may see, the newest first."""
    rows = connection.execute(sa.text(f"{_COACHINGS} order by held_at desc, coaching_id limit :limit"), {"limit": limit}).mappings()
    return [Coaching(**row) for row in rows]


def find(connection: sa.Connection, coaching_id: UUID) -> Coaching | None:
    """None where there is none, or it is not for the reader's eyes: the two look the same."""
    row = connection.execute(sa.text(f"{_COACHINGS} where coaching_id = :id"), {"id": coaching_id}).mappings().first()
    return Coaching(**row) if row else None


def record(
    connection: sa.Connection,
    coaching_id: UUID,
    *,
    employee_id: str,
    coach: str,
    answers: Sequence[str],
    will_try: str,
    held_at: datetime,
    now: datetime,
) -> None:
    """Write a talk down, inside the caller's transaction; the same id again changes nothing.

    Raises ShopkeeperError for a talk with oneself, about nothing, or in the future. Row-level security refuses a talk that is not
    the recorder's to write down, and answers that are not the employee's.
    """
    where = "coaching"
    if employee_id == coach:
        raise fail(where, "names the same person twice", "name the colleague who coached")
    if not answers:
        raise fail(where, "is about no answer", "choose at least one")
    if not will_try.strip():
        raise fail(where, "does not say what will be tried", "write one sentence")
    if held_at > now:
        raise fail(where, "lies in the future", "write it down once it has been held")
    unit_path = unit_path_of(connection, employee_id)
    unit_path_of(connection, coach)
    added = connection.execute(
        sa.text(
            """
            insert into ops.coachings (coaching_id, employee_id, coach_employee_id, org_unit_id, unit_path, held_at, recorded_at)
            select :id, employee_id, :coach, org_unit_id, :unit_path, :held_at, :now
            from ops.directory where employee_id = :employee_id
            on conflict (coaching_id) do nothing
            """
        ),
        {"id": coaching_id, "employee_id": employee_id, "coach": coach, "unit_path": unit_path, "held_at": held_at, "now": now},
    ).rowcount
    if not added:
        return
    connection.execute(
        sa.text("insert into ops.coaching_answers (coaching_id, response_key) values (:id, :key)"),
        [{"id": coaching_id, "key": key} for key in sorted(set(answers))],
    )
    connection.execute(
        sa.text("insert into pii.coaching_texts (coaching_id, will_try) values (:id, :will_try)"),
        {"id": coaching_id, "will_try": will_try.strip()},
    )


def add_result(connection: sa.Connection, coaching_id: UUID, *, result: str, now: datetime) -> None:
    """Say what came of it. The first word stays: what was expected must not be made to fit. Again, it changes nothing.

    Raises ShopkeeperError for an empty result.
    """
    if not result.strip():
        raise fail("coaching", "does not say what came of it", "write one sentence")
    changed = connection.execute(
        sa.text("update ops.coachings set result_at = :now where coaching_id = :id and result_at is null"), {"id": coaching_id, "now": now}
    ).rowcount
    if changed:
        connection.execute(
            sa.text("update pii.coaching_texts set result = :result where coaching_id = :id"), {"id": coaching_id, "result": result.strip()}
        )
