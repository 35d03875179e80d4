"""Who of our own people learns of it: the owner of an order, a chat, whoever a rule names, and the employee whom an answer is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.facts import Facts
from shopkeeper.closed_loop.owners import Staff
from shopkeeper.closed_loop.rules import band_of
from shopkeeper.company.config import CompanyFolder
from shopkeeper.messages import outbox
from shopkeeper.messages.chat import targets
from shopkeeper.messages.letters import Heard, Letters, Reader
from shopkeeper.messages.outbox import Message
from shopkeeper.warehouse.ids import stable_id

if TYPE_CHECKING:
    from shopkeeper.closed_loop.acting import Matter

# What became an order's, and is no one's to act on yet, is told when it is released.
_ORDERS = """
    select order_id, owner_employee_id, unit_path, org_unit_id, due_at, close_due_at, call_wanted
    from ops.work_orders
    where order_id = any(:ids) and owner_employee_id is not null and state = 'open'
"""


@dataclass
class Teller:
    """Writes messages into the outbox, in the caller's transaction."""

    connection: sa.Connection
    folder: CompanyFolder
    staff: Staff
    now: datetime
    letters: Letters = field(init=False)
    messages: list[Message] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.letters = Letters(self.folder)

    def tell(self, matters: Sequence[Matter], ordered: Mapping[str, UUID]) -> None:
        """Tell of these matters; `ordered` is answer → the order that it led to earlier. Told again, nothing is sent again."""
        found = self._orders([matter.order_id for matter in matters if matter.order_id])
        alerted = self._alerted([(ordered[matter.facts.key], matter.facts) for matter in matters if matter.facts.key in ordered])
        at_stake = self._at_stake([str(matter.facts.customer_id) for matter in matters if matter.order_id in found])
        for matter in matters:
            facts = matter.facts
            order = found.get(matter.order_id)
            if order is not None:
                self._alert(matter, order, at_stake.get(str(facts.customer_id)), is_another=facts.key in ordered)
            named = matter.owner.employee_id if matter.owner and matter.rules and matter.order_id is None else None
            if facts.subject == "response":
                # An alert holds the customer's words already.
                told = {self._employee(facts), named} - {None, order["owner_employee_id"] if order else None, alerted.get(facts.key)}
                for employee_id in sorted(map(str, told)):
                    self._feedback(employee_id, facts, matter.order_id or ordered.get(facts.key))
            elif named is not None:
                self._notice(matter, named)
        outbox.post(self.connection, self.messages, now=self.now)
        self.messages.clear()

    def _alert(self, matter: Matter, order: Mapping[str, Any], at_stake: Decimal | None, *, is_another: bool) -> None:
        """`is_another`: the same answer had led to the order before, and now meets a rule more."""
        facts, order_id = matter.facts, order["order_id"]
        identity = _alert_about(order_id, facts) + (f"|{matter.lead}" if is_another else "")
        call_by = order["due_at"] or order["close_due_at"]
        message = self.letters.alert(
            self._reader(order["owner_employee_id"]),
            self._heard(facts),
            identity=identity,
            reason=matter.rules[matter.lead].kind,
            order_id=order_id,
            call_by=call_by,
            due_at=self.now,
            call_wanted=order["call_wanted"],
            at_stake=at_stake,
        )
        self.messages.append(message)
        for name in targets(self.folder.closed_loop, order["unit_path"]):
            said = {"order_id": order_id, "at": call_by, "due_at": self.now, "unit": order["org_unit_id"]}
            self.messages.append(self.letters.to_chat(name, "alert", identity=f"chat|{name}|{identity}", **said))

    def _feedback(self, employee_id: str, facts: Facts, order_id: UUID | None) -> None:
        """An answer that was corrected, or finished later, is told again: the customer has said something else."""
        if not facts.is_known or facts.is_staff or (facts.score is None and not facts.words):
            return
        identity = f"feedback|{employee_id}|{facts.key}|{facts.score}|{facts.is_complete}"
        reader, heard = self._reader(employee_id), self._heard(facts)
        self.messages.append(
            self.letters.feedback(reader, heard, identity=identity, response_key=facts.key, due_at=self.now, order_id=order_id)
        )

    def _notice(self, matter: Matter, employee_id: str) -> None:
        """A complaint or a call that somebody is told of and nobody is to call about."""
        identity = f"told|{employee_id}|{matter.facts.subject}|{matter.facts.key}"
        reason = matter.rules[matter.lead].kind
        reader, heard = self._reader(employee_id), self._heard(matter.facts)
        self.messages.append(self.letters.told(reader, heard, identity=identity, reason=reason, due_at=self.now))

    def _employee(self, facts: Facts) -> str | None:
        """Whom an answer is about: who served the customer, else who keeps the account; in place of one who has left, the supervisor."""
        employee_id = facts.about.employee_id or facts.about.account_owner_id
        if self.staff.works_here(employee_id):
            return employee_id
        stands_in = self.staff.stand_in(employee_id)
        return stands_in.employee_id if stands_in else None

    def _orders(self, ids: Sequence[UUID]) -> dict[UUID | None, Mapping[str, Any]]:
        rows = self.connection.execute(sa.text(_ORDERS), {"ids": list(ids)}).mappings() if ids else ()
        return {row["order_id"]: dict(row) for row in rows}

    def _alerted(self, looked_at_again: Sequence[tuple[UUID, Facts]]) -> dict[str, str]:
        """answer → who had an alert about it, as it stands now."""
        ids = {stable_id("message", _alert_about(order_id, facts)): facts.key for order_id, facts in looked_at_again}
        query = sa.text("select message_id, employee_id from ops.messages where message_id = any(:ids)")
        rows = self.connection.execute(query, {"ids": list(ids)}).tuples() if ids else ()
        return {ids[message_id]: employee_id for message_id, employee_id in rows}

    def _at_stake(self, customer_ids: Sequence[str]) -> dict[str, Decimal]:
        """What each customer may still bring, in the company's currency, from the last published marts."""
        there = "select to_regclass('marts.customer_lifetime_values') is not null"
        if not customer_ids or not self.connection.scalar(sa.text(there)):
            return {}
        query = """
            select customer_id, lifetime_value_expected from marts.customer_lifetime_values
            where customer_id = any(:ids) and lifetime_value_expected is not null
        """
        return dict(self.connection.execute(sa.text(query), {"ids": list(customer_ids)}).tuples().all())

    def _reader(self, employee_id: str) -> Reader:
        return Reader(employee_id, self.staff.locale_of(employee_id))

    def _heard(self, facts: Facts) -> Heard:
        scales = self.folder.company.scales
        scale = scales.get(facts.scale or "")
        return Heard(
            customer=facts.full_name or facts.customer_id or "",
            at=facts.occurred_at,
            score=facts.score,
            previous_score=facts.previous_score,
            highest=scale.score_to if scale else 10,
            band=band_of(scales, facts.scale, facts.score),
            verbatim=facts.words,
            interaction_type=facts.about.interaction_type,
            interaction_at=facts.interaction_at,
        )


def _alert_about(order_id: UUID, facts: Facts) -> str:
    """What makes it one alert: an answer that was corrected or finished since is another one."""
    return f"alert|{order_id}|{facts.subject}|{facts.key}|{facts.score}|{facts.is_complete}"
