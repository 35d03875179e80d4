"""The packet of a work order: all that somebody needs who is about to call, and nothing that has to be looked up elsewhere.

Who sees the packet of which order is decided by row-level security; everything personal is left out of reprs, and of logs with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.commands import refuse
from shopkeeper.closed_loop.words import words_of
from shopkeeper.survey.current import newest, survivors
from shopkeeper.survey.packet import NOW_KNOWN

CONTACTS = 10


@dataclass(frozen=True)
class Order:
    """A work order as it stands; columns as in ops.work_orders."""

    order_id: UUID
    customer_id: str
    rule: str
    interaction_id: str | None
    response_key: str | None
    about_employee_id: str | None
    opened_at: datetime
    first_attempt_due_at: datetime
    close_due_at: datetime
    arm: str | None
    state: str
    owner_employee_id: str | None
    org_unit_id: str | None
    unit_path: str | None
    call_wanted: bool
    attempts: int
    due_at: datetime | None
    first_attempt_at: datetime | None
    reached_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    cost: Decimal
    awaits_approval: bool


@dataclass(frozen=True)
class Happened:
    """One event of the order, with what people wrote about it."""

    event_id: int
    event: str
    occurred_at: datetime
    actor: str
    employee_id: str | None
    reached: bool | None
    reason: str | None
    action: str | None
    impact: str | None
    amount: Decimal | None
    due_at: datetime | None
    details: Mapping[str, Any]
    about_event_id: int | None
    learned: str | None = field(repr=False)
    action_taken: str | None = field(repr=False)
    note: str | None = field(repr=False)


@dataclass(frozen=True)
class Customer:
    """Who is called. `records` are all ids under which the CRM knows this person."""

    customer_id: str
    records: tuple[str, ...]
    full_name: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    email: str | None = field(repr=False)
    locale: str | None
    timezone: str | None
    segment: str | None
    joined_on: Any
    do_not_contact: str | None = field(repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """Contact details that the CRM lacks, and that the caller may ask for."""
        return tuple(name for name in ("full_name", "phone", "email") if not getattr(self, name))


@dataclass(frozen=True)
class Value:
    """What the customer brought so far, and may still bring, from the last published marts; in the company's currency."""

    lifetime_value_expected: Decimal | None
    lifetime_value_expected_low: Decimal | None
    lifetime_value_expected_high: Decimal | None
    lifetime_value_to_date: Decimal | None


@dataclass(frozen=True)
class Noticed:
    """One signal: why the order was opened, or what was added to it."""

    rule: str
    kind: str
    occurred_at: datetime
    score: int | None
    previous_score: int | None
    may_call_back: bool | None


@dataclass(frozen=True)
class Score:
    """One answer of the customer, newest first in the packet."""

    response_key: UUID
    responded_at: datetime | None
    programme: str | None
    scale: str | None
    score: int | None
    verbatim: str | None = field(default=None, repr=False)
    free_answers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Contact:
    """One interaction. `is_about`: the order is about this one. `recording_url`: where it was a call that was recorded."""

    interaction_id: str
    occurred_at: datetime
    resolved_at: datetime | None
    interaction_type: str | None
    channel: str | None
    outcome: str | None
    product: str | None
    unit: str | None
    employee_id: str | None
    is_about: bool
    recording_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Packet:
    """`about` is the answer that the order is about. Where no call is wanted the phone number is left out: no one calls."""

    order: Order
    customer: Customer
    value: Value | None
    signals: tuple[Noticed, ...]
    about: Score | None
    scores: tuple[Score, ...]
    contacts: tuple[Contact, ...]
    complaints: tuple[Mapping[str, Any], ...]
    offers: tuple[Mapping[str, Any], ...]
    history: tuple[Happened, ...]

    @property
    def open_steps(self) -> tuple[Happened, ...]:
        """Follow-up steps that are not done yet, the one due first at the head."""
        done = {event.about_event_id for event in self.history if event.event == "follow_up_done"}
        steps = [event for event in self.history if event.event == "follow_up_planned" and event.event_id not in done]
        return tuple(sorted(steps, key=lambda event: (event.due_at is None, event.due_at)))


def packet(connection: sa.Connection, order_id: UUID, now: datetime) -> Packet:
    """Everything about an order, from what is known at this moment. Raises ShopkeeperError for an order that is unknown, or not seen."""
    order = order_of(connection, order_id)
    given: dict[str, Any] = {"customer_id": order.customer_id, "known_at": NOW_KNOWN, "now": now, "limit": CONTACTS}
    merged = f"select customer_id from ({survivors()}) as merged where survivor_customer_id = :customer_id"
    given["records"] = [order.customer_id, *connection.scalars(sa.text(merged), given)]
    scores = _scores(connection, given)
    about = next((score for score in scores if str(score.response_key) == order.response_key), None)
    return Packet(
        order=order,
        customer=_customer(connection, order, given),
        value=_value(connection, given),
        signals=tuple(Noticed(**row) for row in connection.execute(sa.text(_SIGNALS), {"order_id": order_id}).mappings()),
        about=about,
        scores=scores,
        contacts=_contacts(connection, order, given),
        complaints=_mappings(connection, _COMPLAINTS, given),
        offers=_mappings(connection, _OFFERS, given),
        history=history(connection, order_id),
    )


def order_of(connection: sa.Connection, order_id: UUID) -> Order:
    """The order as it stands. Raises ShopkeeperError for one that is unknown, or not seen."""
    columns = ", ".join(Order.__dataclass_fields__)
    row = (
        connection.execute(sa.text(f"select {columns} from ops.work_orders where order_id = :order_id"), {"order_id": order_id})
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise refuse(order_id, "there is no such work order, or it is not yours to see", "./shopkeeper orders list shows them")
    return Order(**row)


def history(connection: sa.Connection, order_id: UUID) -> tuple[Happened, ...]:
    """Everything that happened to an order, oldest first."""
    columns = ", ".join(Happened.__dataclass_fields__)
    query = f"""
        select {columns} from ops.work_order_events left join pii.work_order_texts using (event_id)
        where order_id = :order_id order by event_id
    """
    return tuple(Happened(**row) for row in connection.execute(sa.text(query), {"order_id": order_id}).mappings())


_SIGNALS = """
    select rule, kind, occurred_at, score, previous_score, may_call_back
    from ops.signals where order_id = :order_id order by occurred_at, signal_id
"""
_COMPLAINTS = f"""
    select complaint_id, opened_at, resolved_at, category
    from ({newest("complaints", among="select complaint_id from raw.complaints where customer_id = any(:records)")}) as complaints
    order by opened_at desc nulls last, complaint_id
"""
# An offer that was neither taken nor is too old to be spoken of.
_OFFERS = f"""
    select offer_id, offer_type, presented_at
    from ({newest("offers", among="select offer_id from raw.offers where customer_id = any(:records)")}) as offers
    where accepted_at is null and presented_at > cast(:now as timestamptz) - interval '1 year'
    order by presented_at desc, offer_id
"""


def _customer(connection: sa.Connection, order: Order, given: Mapping[str, Any]) -> Customer:
    known = newest("customers", pii=("full_name", "phone", "email"), among="select cast(:customer_id as text)")
    columns = "full_name, phone, email, locale, timezone, segment, joined_on, do_not_contact"
    row = connection.execute(sa.text(f"select {columns} from ({known}) as customers"), given).mappings().one_or_none()
    found = dict(row) if row else dict.fromkeys(columns.split(", "))
    if not order.call_wanted:
        found["phone"] = None
    return Customer(customer_id=order.customer_id, records=tuple(given["records"]), **found)


def _value(connection: sa.Connection, given: Mapping[str, Any]) -> Value | None:
    if not connection.scalar(sa.text("select to_regclass('marts.customer_lifetime_values') is not null")):
        return None
    columns = ", ".join(Value.__dataclass_fields__)
    query = f"select {columns} from marts.customer_lifetime_values where customer_id = :customer_id"
    row = connection.execute(sa.text(query), given).mappings().one_or_none()
    return Value(**row) if row else None


# Landed answers count whatever their gate says, and so do those that the survey page was sent and that have joined no batch yet.
_SCORES = """
    with landed as (
        select distinct on (answers._key)
            answers._key as response_key, answers.responded_at, answers.programme, answers.scale, answers.score, answers._is_deleted
        from raw.survey_responses as answers
        inner join ops.batches on answers._batch_id = batches.batch_id
        where answers.customer_id = any(:records) and batches.status <> 'withdrawn'
        order by answers._key, answers.updated_at desc nulls last, answers._loaded_at desc, answers._batch_id desc
    ),
    fresh as (
        select
            ops.stable_id('survey_responses:survey_page', concat_ws(chr(31), 'shopkeeper', '', sent.invitation_id)) as response_key,
            max(sent.received_at) as responded_at, invitations.programme, cast(null as text) as scale,
            (array_agg(sent.score order by sent.submission_id desc) filter (where sent.score is not null))[1] as score
        from ops.invitations
        inner join pii.survey_submissions as sent using (invitation_id)
        where invitations.customer_id = any(:records)
        group by sent.invitation_id, invitations.programme
        having bool_or(sent.batch_id is null)
    )
    select response_key, responded_at, programme, scale, score from fresh
    union all
    select response_key, responded_at, programme, scale, score from landed
    where not _is_deleted and response_key not in (select response_key from fresh)
    order by responded_at desc nulls last, response_key
"""


def _scores(connection: sa.Connection, given: Mapping[str, Any]) -> tuple[Score, ...]:
    rows = connection.execute(sa.text(_SCORES), given).mappings().all()
    words = words_of(connection, [row["response_key"] for row in rows])
    return tuple(Score(**row, **vars(words[row["response_key"]])) if row["response_key"] in words else Score(**row) for row in rows)


_AMONG = "select interaction_id from raw.interactions where customer_id = any(:records)"
_CONTACTS = f"""
    with known as ({newest("interactions", among=_AMONG)}),
    latest as (
        select * from (
            select known.*, known.interaction_id is not distinct from :about as is_about,
                row_number() over (order by known.occurred_at desc, known.interaction_id) as place
            from known where known.occurred_at <= :now
        ) as placed
        where is_about or place <= :limit
    ),
    products as ({newest("products", among="select product_id from latest where product_id is not null")}),
    units as (select * from ({newest("org_units")}) as units where org_unit_id in (select org_unit_id from latest))
    select
        latest.interaction_id, latest.occurred_at, latest.resolved_at, latest.interaction_type, latest.channel, latest.outcome,
        products.name as product, latest.employee_id, latest.is_about,
        (
            select units.name from units
            where units.org_unit_id = latest.org_unit_id and coalesce(units.valid_from, '-infinity') <= latest.occurred_at
            order by units.valid_from desc nulls last limit 1
        ) as unit
    from latest
    left join products using (product_id)
    order by latest.occurred_at desc, latest.interaction_id
"""
_RECORDINGS = f"""
    select interaction_id, recording_url
    from (
        {newest("calls", pii=("recording_url",), among="select call_id from raw.calls where interaction_id = any(:interactions)")}
    ) as calls
    where recording_url is not null
"""


def _contacts(connection: sa.Connection, order: Order, given: Mapping[str, Any]) -> tuple[Contact, ...]:
    rows = connection.execute(sa.text(_CONTACTS), {**given, "about": order.interaction_id}).mappings().all()
    interactions: Sequence[str] = [row["interaction_id"] for row in rows]
    called = connection.execute(sa.text(_RECORDINGS), {**given, "interactions": interactions})
    recordings: dict[str, str] = dict(called.tuples().all())
    return tuple(Contact(**row, recording_url=recordings.get(row["interaction_id"])) for row in rows)


def _mappings(connection: sa.Connection, query: str, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(row) for row in connection.execute(sa.text(query), given).mappings())
