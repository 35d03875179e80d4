"""Tables of the closed loop: what was noticed, the work orders that it led to, and everything that happened to them.

`work_order_events` is append-only and the truth; the changing columns of `work_orders` are what follows from it, kept so that one
open order per customer, what is due, and who sees what can be asked of an index. What people wrote stands in `pii`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

DIRECTORY = Table(
    "directory",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("org_unit_id", Text, comment="Where the employee works today; empty for one who has left."),
    Column("unit_path", Text, comment="Units from the company down to that one, such as /HQ/R1/B01/T001/."),
    Column("manager_id", Text, comment="The supervisor."),
    Column("role", Text),
    Column("leads", Boolean, nullable=False, comment="Is the supervisor of somebody: sees the orders of the whole unit."),
    Column("is_here", Boolean, nullable=False, comment="False for one who has left."),
    Column("locale", Text),
    Index(None, "manager_id"),
    schema="ops",
    comment="Who works where today; made anew from the CRM's employees and units when these change. Without names and addresses.",
)

ABSENCES = Table(
    "absences",
    metadata,
    Column("absence_id", BigInteger, Identity(always=True), primary_key=True),
    Column("employee_id", Text, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("to_on", Date, nullable=False, comment="Included."),
    Column("recorded_by", Text, nullable=False),
    moment("recorded_at", required=True),
    Column("withdrawn_by", Text),
    moment("withdrawn_at"),
    CheckConstraint("from_on <= to_on", name="in_order"),
    Index(None, "employee_id"),
    schema="ops",
    comment="While absent an employee is given no work; the supervisor is.",
)

LOOP_READS = Table(
    "loop_reads",
    metadata,
    Column("kind", Text, nullable=False, comment="batch or submission"),
    Column("id", BigInteger, nullable=False, comment="ops.batches or pii.survey_submissions"),
    moment("read_at", required=True),
    PrimaryKeyConstraint("kind", "id"),
    schema="ops",
    comment="What the closed loop has looked at, in the transaction that wrote down what it found there.",
)

SIGNALS = Table(
    "signals",
    metadata,
    Column("signal_id", UUID(), primary_key=True, comment="ids.stable_id('signal', rule | subject | subject key)"),
    Column("rule", Text, nullable=False, comment="Its name in closed_loop.yml."),
    Column("kind", Text, nullable=False, comment="What kind of rule it is."),
    Column("subject", Text, nullable=False, comment="response, complaint, call or unit"),
    Column("subject_key", Text, nullable=False, comment="_key of the raw answer, the complaint's or call's id, or unit|period."),
    Column("customer_id", Text, comment="Empty for a unit."),
    Column("interaction_id", Text),
    Column("employee_id", Text, comment="Who served the customer."),
    Column("org_unit_id", Text, comment="The unit that it is about."),
    Column("programme", Text),
    Column("score", Integer),
    Column("previous_score", Integer),
    Column("value", Numeric(18, 4), comment="The failed-interaction score; a unit's change in points."),
    Column("may_call_back", Boolean, comment="What the customer said to being called; empty where nobody asked."),
    moment("occurred_at", required=True),
    moment("noticed_at", required=True),
    Column(
        "outcome",
        Text,
        nullable=False,
        comment="opened an order, added to one, told somebody alone, left to the supervisor (no call wanted), or held out",
    ),
    Column("order_id", UUID(), comment="The order that it opened or was added to."),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint("subject in ('response', 'complaint', 'call', 'unit')", name="subject"),
    CheckConstraint("outcome in ('opened', 'added', 'told', 'supervisor', 'held_out')", name="outcome"),
    Index(None, "subject", "subject_key"),
    Index(None, "customer_id"),
    Index(None, "order_id"),
    schema="ops",
    comment="Append-only: each time that a rule was met, and what came of it.",
)

WORK_ORDERS = Table(
    "work_orders",
    metadata,
    Column("order_id", UUID(), primary_key=True, comment="ids.stable_id('work_order', signal that opened it)"),
    Column("customer_id", Text, nullable=False),
    Column("rule", Text, nullable=False, comment="Of the signal that opened it."),
    Column("signal_id", UUID(), nullable=False),
    Column("interaction_id", Text),
    Column("response_key", Text, comment="_key of the raw answer that it is about, if one."),
    Column("about_employee_id", Text, comment="Who served the customer."),
    moment("opened_at", required=True),
    moment("first_attempt_due_at", required=True),
    Column("arm", Text, comment="treated or delayed, in a randomised comparison; else empty"),
    # From here on: what follows from the events.
    Column("state", Text, nullable=False, comment="open or closed"),
    Column("owner_employee_id", Text, comment="Who has to act; empty while nobody could be found."),
    Column("org_unit_id", Text, comment="The owner's unit when it was given to him or her."),
    Column("unit_path", Text, comment="That unit's place then, as in ops.directory: decides who sees the order."),
    Column("call_wanted", Boolean, nullable=False, comment="False: the customer declined a call, and the supervisor decides."),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="Calls since it was opened or last reopened."),
    Column("due_at", moment("due_at").type, comment="When the owner has to act next; empty once closed, and while it is held back."),
    moment("close_due_at", required=True),
    Column("first_attempt_at", moment("first_attempt_at").type, comment="The first call ever, before any reopening too."),
    Column("reached_at", moment("reached_at").type, comment="When the customer was first reached."),
    moment("closed_at"),
    Column("close_reason", Text, comment="resolved, not_reached, not_pursued, no_call_wanted or merged"),
    Column("cost", Numeric(18, 2), nullable=False, server_default=text("0"), comment="Spent on remedies, in the company's currency."),
    Column("awaits_approval", Boolean, nullable=False, server_default=text("false"), comment="An offer above the limit is to be decided."),
    CheckConstraint("state in ('open', 'closed')", name="state"),
    CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
    Index("work_orders_one_open_per_customer", "customer_id", unique=True, postgresql_where=text("state = 'open'")),
    Index(None, "customer_id"),
    Index(None, "owner_employee_id", postgresql_where=text("state = 'open'")),
    Index(None, "due_at", postgresql_where=text("state = 'open'")),
    schema="ops",
    comment="One row per work order: call a customer back, and see that something is done. Written by the closed loop alone.",
)

ORDER_EVENTS = (
    "opened",
    "signal_added",
    "answer_corrected",
    "assigned",
    "attempted",
    "escalated",
    "follow_up_planned",
    "follow_up_done",
    "approval_asked",
    "approved",
    "refused",
    "spent",
    "noted",
    "closed",
    "reopened",
    "recovery_asked",
)

WORK_ORDER_EVENTS = Table(
    "work_order_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("order_id", UUID(), nullable=False),
    Column("event", Text, nullable=False),
    Column("command_id", UUID(), unique=True, comment="Names what was asked for: asked twice, it happens once."),
    Column("actor", Text, nullable=False, comment="An employee's id, shopkeeper, or crm."),
    Column("employee_id", Text, comment="opened, assigned: to whom; escalated: to whose attention."),
    Column("org_unit_id", Text, comment="opened, assigned: that employee's unit then."),
    Column("unit_path", Text, comment="opened, assigned: that unit's place then."),
    Column("signal_id", UUID()),
    Column("call_wanted", Boolean, comment="opened, signal_added: what is known from then on of the customer's wish to be called."),
    Column("reached", Boolean, comment="attempted: whether the customer was reached."),
    Column("reason", Text, comment="A code: why it was assigned, escalated, closed, reopened or refused."),
    Column("action", Text, comment="A code: what was done, such as apology, repair, refund, explanation, voucher."),
    Column("impact", Text, comment="A code: what it brought, in the employee's judgement: saved, better, none, worse."),
    Column("amount", Numeric(18, 2), comment="Money spent, or asked for, in the company's currency."),
    Column("due_at", moment("due_at").type, comment="When the owner has to act because of it; empty where nothing follows."),
    Column("close_due_at", moment("close_due_at").type, comment="opened, reopened: by when the order is to be closed."),
    Column("about_event_id", BigInteger, comment="follow_up_done, approved, refused: the event that it settles."),
    Column("invitation_id", UUID(), comment="recovery_asked: the invitation; its answer is what the customer says of it all."),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="What only some events have. Never a person's words."),
    moment("occurred_at", required=True),
    Column(
        "recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()"), comment="known_at cuts here."
    ),
    CheckConstraint(f"event in {ORDER_EVENTS!r}", name="event"),
    Index(None, "order_id"),
    Index(None, "recorded_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    schema="ops",
    comment="Append-only: everything that happened to a work order. Reopening erases nothing.",
)

WORK_ORDER_TEXTS = Table(
    "work_order_texts",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("learned", Text, comment="What the call taught, in the employee's words."),
    Column("action_taken", Text),
    Column("note", Text),
    schema="pii",
    comment="What people wrote about an event of a work order.",
)
