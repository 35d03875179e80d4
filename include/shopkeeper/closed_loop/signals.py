"""A signal: a rule of closed_loop.yml was met, by an answer, a complaint, a call, or a unit's scores."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from shopkeeper.warehouse import ids

Subject = Literal["response", "complaint", "call", "unit", "prediction"]
Outcome = Literal["opened", "added", "told", "supervisor", "held_out"]


@dataclass(frozen=True)
class Signal:
    """What `ops.signals` keeps of it. `subject_key` is the raw answer's `_key`, the complaint's or call's id, unit|programme|day, or of a
    prediction programme|invitation.

    `employee_id` is who served the customer, `org_unit_id` the unit that it is about. `value` is a failed-interaction score (0 to 1),
    a unit's change in points, or a modelled chance (0 to 1). `may_call_back` is None where nobody asked the customer.
    """

    rule: str
    kind: str
    subject: Subject
    subject_key: str
    occurred_at: datetime
    customer_id: str | None = None
    interaction_id: str | None = None
    employee_id: str | None = None
    org_unit_id: str | None = None
    programme: str | None = None
    score: int | None = None
    previous_score: int | None = None
    value: Decimal | None = None
    may_call_back: bool | None = None

    @property
    def signal_id(self) -> UUID:
        """The same rule met by the same thing is the same signal, however often it is looked at."""
        return ids.stable_id("signal", self.rule, self.subject, self.subject_key)

    @property
    def response_key(self) -> UUID | None:
        """The raw answer's `_key`, where it is about one."""
        return UUID(self.subject_key) if self.subject == "response" else None


COLUMNS = tuple(field.name for field in fields(Signal))
