"""What rules look at: answers, complaints, calls and predictions as they stand now, with whom and what they are about.

They count as soon as they are landed, whatever their gate says; only withdrawn batches do not. Customers, interactions and
accounts come from batches that passed, as everywhere; customers who were merged are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from shopkeeper.closed_loop.owners import About
from shopkeeper.survey.current import newest, survivors
from shopkeeper.survey.packet import NOW_KNOWN

# For what is about no interaction: whoever served the customer last, within so long, knows the customer.
SERVED_WITHIN = timedelta(days=365)


@dataclass(frozen=True)
class Facts:
    """One answer, complaint, call or prediction. `score` and `previous_score` are on `scale`; `value` is a failed-interaction score, or a
    modelled chance of a detractor, 0 to 1.

    `previous_score` is the customer's last counted answer of the programme before this one. `is_known` is false where the CRM does
    not know the customer, or nobody knows who it is: such a one waits. `must_not_be_called` is what the CRM and the suppression
    list say, whatever the answer says.
    """

    subject: Literal["response", "complaint", "call", "prediction"]
    key: str
    occurred_at: datetime
    customer_id: str | None
    is_known: bool
    is_staff: bool
    must_not_be_called: bool
    interaction_id: str | None
    interaction_at: datetime | None
    about: About
    programme: str | None = None
    scale: str | None = None
    score: int | None = None
    previous_score: int | None = None
    is_complete: bool = True
    may_call_back: bool | None = None
    value: Decimal | None = None
    full_name: str | None = field(default=None, repr=False)
    words: str | None = field(default=None, repr=False)  # the verbatim


# --- whom and what it is about ------------------------------------------------------------------------------------------

# Over `subjects`: subject, key, occurred_at, customer_id, interaction_id and columns of their own.
PEOPLE = f"""
    merged as materialized ({survivors()}),
    served as materialized (
        {newest("interactions", among="select interaction_id from subjects where interaction_id is not null")}
    ),
    meant as materialized (
        select subjects.*, coalesce(merged.survivor_customer_id, said.customer_id) as person_id
        from subjects
        left join served using (interaction_id)
        cross join lateral (select coalesce(subjects.customer_id, served.customer_id) as customer_id) as said
        left join merged on said.customer_id = merged.customer_id
    ),
    people as materialized (
        {newest("customers", pii=("full_name",), among="select person_id from meant where person_id is not null")}
    ),
    owned as materialized ({newest("accounts", among="select account_id from people where account_id is not null")}),
    found as (
        select
            meant.subject, meant.key, meant.occurred_at, meant.person_id as customer_id,
            meant.person_id is not null and (people.customer_id is not null or not :has_customers) as is_known,
            coalesce(people.is_staff, false) as is_staff,
            people.do_not_contact is not null or exists (
                select from pii.contact_blocks as blocks
                where blocks.customer_id = meant.person_id and blocks.kind = 'do_not_contact' and blocks.lifted_at is null
            ) as must_not_be_called,
            meant.interaction_id, served.occurred_at as interaction_at,
            served.employee_id, served.org_unit_id, served.product_id, served.interaction_type,
            owned.owner_employee_id as account_owner_id, people.full_name
        from meant
        left join served using (interaction_id)
        left join people on meant.person_id = people.customer_id
        left join owned using (account_id)
    )
"""

OF_FOUND = ", ".join(
    f"found.{name}"
    for name in (
        *("subject", "key", "occurred_at", "customer_id", "is_known", "is_staff", "must_not_be_called", "interaction_id", "interaction_at"),
        *("employee_id", "org_unit_id", "product_id", "interaction_type", "account_owner_id", "full_name"),
    )
)


def read(connection: sa.Connection, query: str, given: dict[str, Any]) -> list[Facts]:
    """The facts that a query over PEOPLE finds, in its order."""
    has_customers = "select exists (select from ops.batches where entity = 'customers' and status in ('passed', 'waived'))"
    given = {**given, "known_at": NOW_KNOWN, "has_customers": bool(connection.scalar(sa.text(has_customers)))}
    rows = [dict(row) for row in connection.execute(sa.text(query), given).mappings()]
    alone = {row["customer_id"] for row in rows if row["is_known"] and not row["org_unit_id"] and not row["employee_id"]}
    last = _last_units(connection, sorted(alone), until=given["now"])
    return [_facts(row, last.get(row["customer_id"])) for row in rows]


def _facts(row: dict[str, Any], last_unit_id: str | None) -> Facts:
    columns = ("employee_id", "org_unit_id", "account_owner_id", "product_id", "interaction_type")
    about = About(**{name: row.pop(name) for name in columns}, last_unit_id=last_unit_id)
    return Facts(**row, about=about)


def _last_units(connection: sa.Connection, customer_ids: Sequence[str], *, until: datetime) -> dict[str, str]:
    """customer → the unit that last served him or her."""
    if not customer_ids:
        return {}
    among = "select interaction_id from raw.interactions where customer_id = any(:ids) and occurred_at > :since"
    query = f"""
        select distinct on (customer_id) customer_id, org_unit_id
        from ({newest("interactions", among=among)}) as served
        where org_unit_id is not null and occurred_at <= :until
        order by customer_id, occurred_at desc, interaction_id
    """
    given = {"ids": list(customer_ids), "since": until - SERVED_WITHIN, "until": until, "known_at": NOW_KNOWN}
    return dict(connection.execute(sa.text(query), given).tuples().all())


# --- complaints and calls -----------------------------------------------------------------------------------------------

LANDED = "select batch_id from ops.batches where entity = '{entity}' and status <> 'withdrawn'"
# A source's clock may be ahead of ours; what lies further in the future is no news.
NEWS = "between :oldest and cast(:now as timestamptz) + interval '1 day'"

_COMPLAINT = "complaint_id as key, customer_id, interaction_id, opened_at, cast(null as numeric) as value"
_CALL = (
    "call_id as key, cast(null as text) as customer_id, interaction_id, cast(null as timestamptz) as opened_at,"
    " failed_interaction_score as value"
)
_COLUMNS = {"complaints": ("complaint", "complaint_id", _COMPLAINT), "calls": ("call", "call_id", _CALL)}


def of_records(
    connection: sa.Connection,
    entity: Literal["complaints", "calls"],
    changed: str,
    given: dict[str, Any],
    *,
    oldest: datetime,
    now: datetime,
) -> list[Facts]:
    """The landed complaints or calls whose `_key` the query `changed` names. A call happened when its interaction did."""
    subject, key, columns = _COLUMNS[entity]
    query = f"""
        with
        records as materialized (
            select distinct on ({key}) {columns}, _is_deleted
            from raw.{entity}
            where _key in ({changed}) and _batch_id in ({LANDED.format(entity=entity)})
            order by {key}, updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ),
        happened as materialized (
            {newest("interactions", among="select interaction_id from records where opened_at is null and interaction_id is not null")}
        ),
        subjects as materialized (
            select
                '{subject}' as subject, records.key, coalesce(records.opened_at, happened.occurred_at) as occurred_at,
                records.customer_id, records.interaction_id, records.value
            from records
            left join happened using (interaction_id)
            where not records._is_deleted and coalesce(records.opened_at, happened.occurred_at) {NEWS}
        ),
        {PEOPLE}
        select {OF_FOUND}, subjects.value
        from found
        inner join subjects using (subject, key)
        order by found.occurred_at, found.key
    """
    return read(connection, query, {**given, "oldest": oldest, "now": now})
