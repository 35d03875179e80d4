"""An employee says "that was not my customer", a leader above decides, and the answer goes where it belongs.

The answer counts for the company whatever is decided; only whose it is can change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.answers import unit_path_of
from shopkeeper.errors import fail
from shopkeeper.warehouse import ids

REASONS = ("not_my_customer", "other_branch", "not_about_service")
Verdict = Literal["upheld", "rejected"]


@dataclass(frozen=True)
class Decision:
    """Upheld without `to_employee_id`: it is nobody's."""

    decision: Verdict
    to_employee_id: str | None
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True)
class Dispute:
    """`decisions` in their order: the last holds. `may_decide`: the reader leads above, and did not raise it."""

    dispute_id: UUID
    response_key: str
    employee_id: str
    reason: str
    opened_at: datetime
    may_decide: bool
    decisions: tuple[Decision, ...]

    @property
    def last(self) -> Decision | None:
        return self.decisions[-1] if self.decisions else None


def visible(connection: sa.Connection, *, dispute_id: UUID | None = None, limit: int = 100) -> list[Dispute]:
    """Disputes that the connection's employee may see with all that was decided: the undecided first, then the newest."""
    rows = connection.execute(
        sa.text(
            """
            select
                disputes.dispute_id, disputes.response_key, disputes.employee_id, disputes.reason, disputes.opened_at,
                ops.sees_unit(disputes.unit_path) and disputes.employee_id <> ops.current_employee() as may_decide,
                coalesce(
                    (
                        select array_agg(
                            jsonb_build_array(decision, to_employee_id, decided_by, decided_at) order by decision_id
                        )
                        from ops.dispute_decisions as decided where decided.dispute_id = disputes.dispute_id
                    ),
                    '{}'
                ) as decisions
            from ops.disputes
            where cast(:id as uuid) is null or disputes.dispute_id = :id
            order by exists (select from ops.dispute_decisions as decided where decided.dispute_id = disputes.dispute_id),
                disputes.opened_at desc, disputes.dispute_id
            limit :limit
            """
        ),
        {"id": dispute_id, "limit": limit},
    ).mappings()
    return [Dispute(**{**row, "decisions": tuple(_decision(*one) for one in row["decisions"])}) for row in rows]


def _decision(decision: Verdict, to_employee_id: str | None, decided_by: str, decided_at: str) -> Decision:
    return Decision(decision, to_employee_id, decided_by, datetime.fromisoformat(decided_at))


def dispute(connection: sa.Connection, response_key: str, *, employee_id: str, reason: str, now: datetime) -> UUID:
    """Say that an answer is not one's own customer's; returns the dispute. Said again, it stays as it was.

    Raises ShopkeeperError for an unknown reason. Row-level security refuses an answer that is not the employee's.
    """
    if reason not in REASONS:
        raise fail(f"reason {reason!r}", "is not known", f"one of {', '.join(REASONS)}")
    dispute_id = ids.stable_id("dispute", response_key, employee_id)
    connection.execute(
        sa.text(
            """
            insert into ops.disputes (dispute_id, response_key, employee_id, unit_path, reason, opened_at)
            values (:id, :key, :employee_id, :unit_path, :reason, :now)
            on conflict (dispute_id) do nothing
            """
        ),
        {
            "id": dispute_id,
            "key": response_key,
            "employee_id": employee_id,
            "unit_path": unit_path_of(connection, employee_id),
            "reason": reason,
            "now": now,
        },
    )
    return dispute_id


def decide(
    connection: sa.Connection, dispute_id: UUID, *, command_id: UUID, verdict: str, to_employee_id: str | None, actor: str, now: datetime
) -> None:
    """Uphold a dispute (to a colleague, or to nobody) or reject it. Deciding anew is a decision more; the last one holds.

    The same command again changes nothing. Raises ShopkeeperError for another verdict, a rejection that moves the answer, and for
    somebody who does not work here. Row-level security lets only a leader above decide, and nobody his own dispute.
    """
    if verdict not in ("upheld", "rejected"):
        raise fail(f"decision {verdict!r}", "is not known", "one of upheld, rejected")
    if to_employee_id:
        if verdict == "rejected":
            raise fail("decision", "rejects the dispute and moves the answer", "uphold it, or name no colleague")
        unit_path_of(connection, to_employee_id)
        own = "select exists (select from ops.disputes where dispute_id = :id and employee_id = :to)"
        if connection.scalar(sa.text(own), {"id": dispute_id, "to": to_employee_id}):
            raise fail("decision", "leaves the answer with whoever disputed it", "reject the dispute, or name somebody else")
    connection.execute(
        sa.text(
            """
            insert into ops.dispute_decisions (dispute_id, command_id, decision, to_employee_id, decided_by, decided_at)
            values (:id, :command_id, :verdict, :to, :actor, :now)
            on conflict (command_id) do nothing
            """
        ),
        {"id": dispute_id, "command_id": command_id, "verdict": verdict, "to": to_employee_id or None, "actor": actor, "now": now},
    )
