"""One unhappy customer of the demo's wave, from the answer to a better one: what the employee, the CRM and the customer do.

The first day is today. What comes after it happens on a simulated clock, which every part of the closed loop is given as `now`. Only
the survey page reads a clock of its own, so answers to the recovery survey are dated to their simulated day before they are
collected. Meanwhile the colleagues call back everybody else (demo/colleagues.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop import orders
from shopkeeper.closed_loop.crm.reconcile import reconcile
from shopkeeper.closed_loop.crm.write_back import write_back
from shopkeeper.closed_loop.cycle import keep_time
from shopkeeper.closed_loop.notice import notice
from shopkeeper.company.config import CompanyFolder
from shopkeeper.demo import colleagues
from shopkeeper.demo.answering import fill_in, letters
from shopkeeper.demo.config import ZONE
from shopkeeper.demo.replies import Reply, replies
from shopkeeper.demo.simulation import Simulation
from shopkeeper.errors import fail
from shopkeeper.messages import sending
from shopkeeper.quality.gates import gate_batches
from shopkeeper.sources.ingest import ingest
from shopkeeper.survey import collect, delivery
from shopkeeper.survey.flags import flag_landed
from shopkeeper.warehouse.entities import Group
from shopkeeper.warehouse.ids import stable_id

# A customer who was called back, and for whom something was done, thinks better of the company by so many points.
BETTER_BY = 5
COST = Decimal("25.00")
LEARNED = "The letter about the new premium came after the money had been taken, and nobody at the branch could say why."
DONE = "Explained the premium, apologised, and sent a voucher."
AGAIN = "You called me, listened, and put it right."

Mails = Callable[[], Iterator[EmailMessage]]


@dataclass(frozen=True)
class Moment:
    """Something that happened, and when by the story's clock."""

    at: datetime
    what: str


@dataclass
class Story:
    """What happened to one work order; `until` is when the last of it did."""

    order_id: UUID
    customer_id: str
    moments: list[Moment] = field(default_factory=list)

    @property
    def until(self) -> datetime:
        return max(moment.at for moment in self.moments)

    def tell(self, at: datetime, what: str) -> None:
        self.moments.append(Moment(at, what))


# The unhappiest of the wave who may be called and whom somebody is to call.
_PICKED = """
    select orders.order_id, orders.customer_id, orders.owner_employee_id as owner, orders.opened_at, orders.due_at, signals.score,
        signals.occurred_at
    from ops.work_orders as orders
    inner join ops.signals as signals on orders.signal_id = signals.signal_id
    inner join ops.invitations as invitations
        on invitations.wave_id = :wave_id and orders.customer_id = invitations.customer_id and signals.programme = invitations.programme
    where orders.state = 'open' and orders.call_wanted and orders.attempts = 0 and orders.due_at is not null
        and orders.owner_employee_id is not null and signals.subject = 'response' and signals.score <= 5
    order by signals.score, orders.customer_id
    limit 1
"""


def call_back(
    engine: sa.Engine,
    company: CompanyFolder,
    simulation: Simulation,
    mails: Mails,
    *,
    wave_id: UUID,
    clock: Callable[[], datetime],
    note: Callable[[str], None] = lambda text: None,
) -> Story | None:
    """Go through the life of one work order that this wave led to; None where it led to none.

    `mails` are all e-mails of the inbox, oldest first; `clock` is today's. Raises ShopkeeperError where a part of the loop does not do
    what it should.
    """
    with engine.connect() as connection:
        order = connection.execute(sa.text(_PICKED), {"wave_id": wave_id}).one_or_none()
    if order is None:
        return None
    story = Story(order.order_id, order.customer_id)
    told = _Telling(engine, company, simulation, mails, story, order)
    for act in (told.alerted, told.missed, told.reached, told.asked_again):
        note(act.__name__.replace("_", " "))
        act(clock)
    return story


@dataclass
class _Telling:
    engine: sa.Engine
    company: CompanyFolder
    simulation: Simulation
    mails: Mails
    story: Story
    order: sa.Row[Any]

    def alerted(self, clock: Callable[[], datetime]) -> None:
        """The customer has answered; the owner has an e-mail, and the CRM a task."""
        order, story = self.order, self.story
        story.tell(order.occurred_at, f"{order.customer_id} answers with a {order.score}")
        if not any(str(order.order_id) in _text(mail) for mail in self.mails()):
            raise fail("demo", "no e-mail tells the owner of the unhappy customer", "see ops.messages and ops.message_events")
        story.tell(order.opened_at, f"{order.owner}, who is to call, has an alert in the inbox")
        task = self._task()
        story.tell(order.opened_at, f"the CRM has {task.crm_id}, {task.reason}, to be called by {_local(task.due_at)}")

    def missed(self, clock: Callable[[], datetime]) -> None:
        """The first call reaches nobody. The employee records it in the CRM, where it is read from like anything else."""
        at, order = clock(), self.order
        local = at.astimezone(ZONE).replace(tzinfo=None)
        with self._crm() as connection:
            connection.execute(
                sa.text(
                    """
                    insert into crm.callback (callback_no, task_no, called_at, was_reached, staff_no, changed_at)
                    values (:number, :task, :at, false, :staff, :at)
                    """
                ),
                {"number": f"CB-{order.order_id}-1", "task": str(order.order_id), "at": local, "staff": order.owner},
            )
        ingest(self.company, groups=[Group.CRM], interval=None, now=clock(), run_id=None)
        gate_batches(self.engine, now=clock())
        self._loop(clock())
        due = _local(self._now("due_at"))
        self.story.tell(at, f"{order.owner} calls, reaches nobody, and says so in the CRM; the next call is due {due}")

    def reached(self, clock: Callable[[], datetime]) -> None:
        """A day later, on the simulated clock, the second call reaches the customer."""
        at, order = self._now("due_at"), self.order
        colleagues.call(self.engine, self.company, self.simulation.config, until=at, but=order.order_id)
        self._loop(at)
        with self.engine.begin() as connection:
            orders.attempt(
                connection,
                order.order_id,
                folder=self.company,
                command_id=stable_id("demo", "second call", str(order.order_id)),
                actor=self._now("owner_employee_id"),
                at=at,
                reached=True,
                learned=LEARNED,
                action="voucher",
                action_taken=DONE,
                impact="saved",
                amount=COST,
                closes=True,
            )
        self._loop(at + timedelta(minutes=5))
        story, task = self.story, self._task()
        story.tell(at, f"second try: reached. Learned: {LEARNED}")
        story.tell(at, f"done: a voucher of {COST} {self.company.company.currency}; the order is closed as {self._now('close_reason')}")
        story.tell(at + timedelta(minutes=5), f"{task.crm_id} in the CRM is {task.state} after {task.attempts} calls")

    def asked_again(self, clock: Callable[[], datetime]) -> None:
        """Some days later the customer gets the recovery survey, as do others whose orders were resolved, and answers it."""
        before, customer = sum(1 for _ in self.mails()), self.order.customer_id
        at = self._now("closed_at") + timedelta(days=self.company.closed_loop.cycle.recovery_after_days, minutes=5)
        colleagues.call(self.engine, self.company, self.simulation.config, until=at, but=self.order.order_id)
        self._loop(at)
        with self.engine.connect() as connection:
            due_at = connection.scalar(sa.text(_RECOVERY), {"order_id": self.order.order_id})
        if due_at is None:
            raise fail("demo", "the customer was not asked again", "see the event recovery_left_out in ops.work_order_events")
        sent_at = max(at, due_at)
        delivery.send_due(self.engine, self.company, clock=lambda: sent_at)
        self.story.tell(sent_at, f"{customer} is asked again by e-mail")

        inbox = letters(islice(self.mails(), before, None))
        if (number := int(customer.removeprefix("C"))) not in inbox:
            raise fail("demo", "the recovery survey is not in the inbox", "see ops.invitation_events")
        minds = {who: _better(mind) for who, mind in replies(self.simulation, inbox, sent_at).items()}
        minds[number] = replace(minds[number], answers=True, score=min(self.order.score + BETTER_BY, 10), comment=AGAIN)
        for who, letter in inbox.items():
            if minds[who].answers:
                fill_in(letter, minds[who])
        answered_at = sent_at + timedelta(hours=2)
        with self.engine.begin() as connection:
            connection.execute(sa.text(_DATED), {"at": answered_at})
        self.story.tell(answered_at, f"{customer} answers with a {minds[number].score}")
        self._collect(answered_at + timedelta(minutes=5))

    def _collect(self, now: datetime) -> None:
        """The answers land, are judged, noticed, and shown in the CRM."""
        collect.close_batch(self.engine, self.company, now=now)
        flag_landed(self.engine, now=now)
        gate_batches(self.engine, now=now)
        self._loop(now)
        with self._crm() as connection:
            query = sa.text("select score, band from crm.survey_result where external_id = :id")
            told = connection.execute(query, {"id": self.order.customer_id}).one()
        self.story.tell(now, f"the customer's record in the CRM says {told.score}, {told.band}")

    def _loop(self, now: datetime) -> None:
        """One run of close_loop at `now`."""
        notice(self.engine, self.company, now=now)
        keep_time(self.engine, self.company, now=now)
        sending.send_due(self.engine, self.company, clock=lambda: now)
        write_back(self.engine, self.company, now=now)
        reconcile(self.engine, self.company, now=now)

    def _now(self, column: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(_ORDER), {"order_id": self.order.order_id}).one()._mapping[column]

    def _task(self) -> sa.Row[Any]:
        with self._crm() as connection:
            task = connection.execute(sa.text("select * from crm.task where external_id = :id"), {"id": str(self.order.order_id)})
            return task.one()

    def _crm(self) -> AbstractContextManager[sa.Connection]:
        """A transaction in the CRM's own database, as its users have."""
        assert self.company.closed_loop.crm is not None
        url = sa.make_url(self.company.closed_loop.crm.url).set(drivername="postgresql+psycopg")
        return sa.create_engine(url, poolclass=sa.NullPool).begin()


_ORDER = "select * from ops.work_orders where order_id = :order_id"

_RECOVERY = """
    select invitations.due_at
    from ops.work_order_events as events inner join ops.invitations as invitations using (invitation_id)
    where events.order_id = :order_id and events.event = 'recovery_asked'
"""

_DATED = """
    update pii.survey_submissions
    set started_at = :at - (received_at - started_at), received_at = :at
    where batch_id is null
"""


def _better(mind: Reply) -> Reply:
    return replace(mind, score=min(mind.score + BETTER_BY, 10))


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%a %d %b %H:%M}"


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    return body.get_content() if body else ""
