"""From facts to what is done about them: signals, work orders, messages to our own people, and what the CRM is told.

All of it in the caller's transaction, and all of it under stable ids: looking at the same thing again changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop import holdout, orders
from shopkeeper.closed_loop.calendar import add_hours
from shopkeeper.closed_loop.crm import outbox as crm
from shopkeeper.closed_loop.facts import Facts
from shopkeeper.closed_loop.opening import order_id_of
from shopkeeper.closed_loop.owners import Owner, Staff, owner_of
from shopkeeper.closed_loop.rules import OF_SCORES, band_of, met
from shopkeeper.closed_loop.signals import COLUMNS, Outcome, Signal
from shopkeeper.closed_loop.telling import Teller
from shopkeeper.company.closed_loop import Rule
from shopkeeper.company.config import CompanyFolder
from shopkeeper.warehouse.loop_tables import SIGNALS


@dataclass
class Matter:
    """One answer, complaint or call, with the rules that it meets for the first time, the most urgent first."""

    facts: Facts
    rules: dict[str, Rule]
    owner: Owner | None = None
    order_id: UUID | None = None
    signals: list[Signal] = field(default_factory=list)

    @property
    def calls_back(self) -> bool:
        """Whether an order is to be opened; the first rule that says so names it."""
        return any(rule.then == "call_back" for rule in self.rules.values())

    @property
    def call_wanted(self) -> bool:
        return self.facts.may_call_back is not False and not self.facts.must_not_be_called

    @property
    def lead(self) -> str:
        """The rule that names the order, or, where there is none, whatever is told."""
        return next((name for name, rule in self.rules.items() if rule.then == "call_back"), next(iter(self.rules)))


def act(connection: sa.Connection, folder: CompanyFolder, staff: Staff, facts: Sequence[Facts], *, now: datetime) -> Counter[str]:
    """Do what the rules ask about these facts; returns how many signals had which outcome, and how many corrections were noted."""
    loop, scales = folder.closed_loop, folder.company.scales
    mine = [one for one in facts if not _is_of_employees(folder, one)]
    done: Counter[str] = Counter()
    ordered = _correct(connection, [one for one in mine if one.subject == "response"], done, now)
    matters = []
    for one in mine:
        rules = met(loop, scales, one, now=now)
        if one.key in ordered:
            rules = {name: rule for name, rule in rules.items() if rule.kind not in OF_SCORES}
        matters.append(Matter(one, rules))
    _leave_out_known(connection, staff, matters)
    for matter in matters:
        matter.owner = _owner(folder, staff, matter)
    outcomes = _open(connection, folder, [matter for matter in matters if matter.rules and matter.calls_back], now)
    told = [signal for matter in matters if not matter.calls_back for signal in matter.signals]
    outcomes |= {signal.signal_id: ("told", None) for signal in told}
    _write(connection, matters, outcomes, now)
    done.update(outcome for outcome, _ in outcomes.values())
    Teller(connection, folder, staff, now).tell(matters, ordered)
    _show_in_crm(connection, folder, mine, ordered | {m.facts.key: m.order_id for m in matters if m.order_id}, now)
    return done


def _is_of_employees(folder: CompanyFolder, facts: Facts) -> bool:
    """What employees answer about their work is nobody's alert."""
    programme = folder.programmes.programmes.get(facts.programme or "")
    return programme is not None and programme.kind == "employee"


def _signal(staff: Staff, rule: str, kind: str, facts: Facts) -> Signal:
    """It is about the unit that served the customer, else that of the employee who did; as the marts say."""
    return Signal(
        rule,
        kind,
        facts.subject,
        facts.key,
        facts.occurred_at,
        customer_id=facts.customer_id,
        interaction_id=facts.interaction_id,
        employee_id=facts.about.employee_id,
        org_unit_id=facts.about.org_unit_id or staff.unit_of(facts.about.employee_id),
        programme=facts.programme,
        score=facts.score,
        previous_score=facts.previous_score,
        value=facts.value,
        may_call_back=facts.may_call_back,
    )


def _leave_out_known(connection: sa.Connection, staff: Staff, matters: Iterable[Matter]) -> None:
    """Keep what is met for the first time, and make its signals, those that call back first."""
    for matter in matters:
        by_urgency = sorted(matter.rules.items(), key=lambda named: named[1].then != "call_back")
        matter.signals = [_signal(staff, name, rule.kind, matter.facts) for name, rule in by_urgency]
    ids = [signal.signal_id for matter in matters for signal in matter.signals]
    query = sa.text("select signal_id from ops.signals where signal_id = any(:ids)")
    known = set(connection.scalars(query, {"ids": ids})) if ids else set()
    for matter in matters:
        matter.signals = [signal for signal in matter.signals if signal.signal_id not in known]
        names = {signal.rule for signal in matter.signals}
        matter.rules = {name: rule for name, rule in matter.rules.items() if name in names}


def _owner(folder: CompanyFolder, staff: Staff, matter: Matter) -> Owner | None:
    """Who acts; where nobody is to call, the supervisor decides."""
    if not matter.rules:
        return None
    kinds = matter.rules[matter.lead].owners
    if matter.calls_back and not matter.call_wanted:
        kinds = ("supervisor", *kinds)
    return owner_of(staff, kinds, matter.facts.about, folder.closed_loop)


# --- work orders --------------------------------------------------------------------------------------------------------


def _open(
    connection: sa.Connection, folder: CompanyFolder, matters: Sequence[Matter], now: datetime
) -> dict[UUID, tuple[Outcome, UUID | None]]:
    """Open orders, or add to those that are open; returns signal → what came of it, and the order."""
    openings = [opening for matter in matters for opening in _openings(folder, matter, now)]
    found = dict(zip((o.signal.signal_id for o in openings), orders.open_orders(connection, openings, now=now), strict=True))
    outcomes: dict[UUID, tuple[Outcome, UUID | None]] = {}
    for opening in openings:
        signal_id = opening.signal.signal_id
        is_new = found[signal_id] == order_id_of(signal_id)
        outcome: Outcome = "held_out" if opening.arm == "delayed" else "opened" if opening.call_wanted else "supervisor"
        outcomes[signal_id] = (outcome if is_new else "added", found[signal_id])
    for matter in matters:
        matter.order_id = found[matter.signals[0].signal_id]
    return outcomes


def _openings(folder: CompanyFolder, matter: Matter, now: datetime) -> list[orders.Opening]:
    loop = folder.closed_loop
    kinds = [signal.kind for signal in matter.signals]
    arm = holdout.arm(loop.comparison, matter.signals[0].signal_id, kinds=kinds) if matter.call_wanted else None
    begins = now + timedelta(days=loop.comparison.delay_days) if arm == "delayed" else now

    def later(hours: int) -> datetime:
        return add_hours(loop.calendar, folder.company.zone, begins, hours)

    due_at, close_due_at = later(loop.cycle.first_attempt_hours), later(24 * loop.cycle.close_within_days)
    return [orders.Opening(signal, matter.owner, matter.call_wanted, due_at, close_due_at, arm) for signal in matter.signals]


_ORDERED = """
    select distinct on (signals.subject_key)
        signals.subject_key, signals.order_id, signals.signal_id,
        coalesce(cast(corrected.details ->> 'score' as integer), signals.score) as score
    from ops.signals as signals
    left join lateral (
        select details from ops.work_order_events as events
        where events.order_id = signals.order_id and events.signal_id = signals.signal_id and events.event = 'answer_corrected'
        order by event_id desc limit 1
    ) as corrected on true
    where signals.subject = 'response' and signals.subject_key = any(:keys) and signals.order_id is not null
    order by signals.subject_key, signals.noticed_at, signals.signal_id
"""


def _correct(connection: sa.Connection, answers: Sequence[Facts], done: Counter[str], now: datetime) -> dict[str, UUID]:
    """Note on orders what was corrected since in the answers that they are about; returns answer → its order."""
    rows = connection.execute(sa.text(_ORDERED), {"keys": [one.key for one in answers]}).all() if answers else []
    last = {row.subject_key: row for row in rows}
    for one in answers:
        if (row := last.get(one.key)) is not None and one.score is not None and one.score != row.score:
            orders.correct_answer(connection, row.order_id, score_before=row.score, score=one.score, at=now, signal_id=row.signal_id)
            done["corrected"] += 1
    return {key: row.order_id for key, row in last.items()}


# --- what is written down -----------------------------------------------------------------------------------------------


def _write(
    connection: sa.Connection, matters: Iterable[Matter], outcomes: Mapping[UUID, tuple[Outcome, UUID | None]], now: datetime
) -> None:
    write_signals(connection, [(signal, *outcomes[signal.signal_id]) for matter in matters for signal in matter.signals], now)


def write_signals(connection: sa.Connection, signals: Iterable[tuple[Signal, Outcome, UUID | None]], now: datetime) -> None:
    """Append signals with what came of each, and its order."""
    rows: list[dict[str, Any]] = [
        {
            "signal_id": signal.signal_id,
            **{name: getattr(signal, name) for name in COLUMNS},
            "noticed_at": now,
            "outcome": outcome,
            "order_id": order_id,
        }
        for signal, outcome, order_id in signals
    ]
    if rows:
        connection.execute(sa.insert(SIGNALS), rows)


def _show_in_crm(
    connection: sa.Connection, folder: CompanyFolder, facts: Iterable[Facts], of_answer: Mapping[str, UUID], now: datetime
) -> None:
    """The last score on each customer's record, where a CRM is written to."""
    if folder.closed_loop.crm is None:
        return
    scales = folder.company.scales
    scores = [
        crm.Score(
            customer_id=one.customer_id,
            response_key=UUID(one.key),
            score=one.score,
            scale=one.scale or "",
            band=band_of(scales, one.scale, one.score),
            programme=one.programme or "",
            answered_at=one.occurred_at,
            order_id=of_answer.get(one.key),
        )
        for one in facts
        if one.subject == "response" and one.is_known and one.customer_id is not None and one.score is not None and one.is_complete
    ]
    if scores:
        crm.put_scores(connection, scores, now)
