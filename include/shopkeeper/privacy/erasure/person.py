"""Who is to be erased: every id under which the warehouse knows the person, and everything that is the person's alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.erasure_list import KIND_OF

LIVE = "('landed', 'passed', 'waived')"
SHORTEST_LINE = 25  # letters; what is shorter, many people say

# The records that are the same person now. A merge that was taken back joins nobody.
_SAME_PERSON = f"""
    with recursive merged as (
        select distinct on (records._key) records.customer_id, records.merged_into
        from raw.customers as records
        inner join ops.batches on batches.batch_id = records._batch_id and batches.status in {LIVE}
        where records._key in (select _key from raw.customers where merged_into is not null)
        order by records._key, records.updated_at desc nulls last, records._loaded_at desc, records._batch_id desc
    ),
    known (id) as (
        select cast(:customer_id as text)
        union
        select case when merged.customer_id = known.id then merged.merged_into else merged.customer_id end
        from known
        inner join merged on known.id in (merged.customer_id, merged.merged_into) and merged.merged_into is not null
    )
    select id from known order by id
"""
_INTERACTIONS = "select distinct interaction_id from raw.interactions where customer_id = any(:customer)"
_INVITATIONS = """
    select invitation_id from raw.survey_invitations where customer_id = any(:customer) or interaction_id = any(:interaction)
    union
    select invitation_id::text from ops.invitations where customer_id = any(:customer)
"""
_ORDERS = "select order_id::text from ops.work_orders where customer_id = any(:customer)"
_DERIVED = """
    select ops.stable_id('response', concat_ws(chr(31), provider, account, native_id)) from raw.survey_responses where _key = any(:record)
    union select signal_id from ops.signals where customer_id = any(:customer) or order_id::text = any(:work_order)
    union select message_id from ops.messages
        where about_order_id::text = any(:work_order) or about_response_key = any(cast(:record as text[]))
    union select dispute_id from ops.disputes where response_key = any(cast(:record as text[]))
"""
# The person's own words, and what was written down about the person.
_WORDS = """
    select verbatim from pii.survey_responses where _key = any(:record)
    union select value from pii.survey_responses, jsonb_each_text(free_answers)
        where _key = any(:record) and jsonb_typeof(free_answers) = 'object'
    union select value from pii.survey_submissions, jsonb_each_text(free_answers) where invitation_id::text = any(:invitation)
    union select verbatim from ops.redacted_verbatims where _key = any(:record)
    union select unnest(array[learned, action_taken]) from pii.contact_outcomes where _key = any(:record)
    union select unnest(array[texts.learned, texts.action_taken, texts.note])
        from pii.work_order_texts as texts inner join ops.work_order_events using (event_id) where order_id::text = any(:work_order)
    union select done.learned
        from ops.redacted_learned as done inner join ops.work_order_events using (event_id) where order_id::text = any(:work_order)
"""
_SHARED = """
    select lower(btrim(value)) from unnest(cast(:values as text[])) as value
    where exists (select from pii.customers where lower(btrim({column})) = lower(btrim(value)) and not (_key = any(:record)))
"""
_SHARED_ADDRESS = """
    union select lower(btrim(value)) from unnest(cast(:values as text[])) as value
    where exists (select from pii.employees where lower(btrim(email)) = lower(btrim(value)))
"""
_SAID_BY_OTHERS = """
    select line from unnest(cast(:lines as text[])) as line
    where exists (select from pii.survey_responses where strpos(verbatim, line) > 0 and not (_key = any(:record)))
"""


@dataclass(frozen=True)
class Person:
    """`ids`: kind → ids, as in the erasure list. `handles`: everything that is the person's and has a UUID. The rest is what people
    would recognise the person by, without what others have too; `shared` names of which kinds that was."""

    ids: dict[str, tuple[str, ...]]
    handles: frozenset[UUID] = frozenset()
    names: tuple[str, ...] = field(default=(), repr=False)
    emails: tuple[str, ...] = field(default=(), repr=False)
    phones: tuple[str, ...] = field(default=(), repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)
    shared: tuple[str, ...] = ()

    @property
    def customers(self) -> tuple[str, ...]:
        return self.ids["customer"]

    @property
    def is_known(self) -> bool:
        return bool(self.handles)


def find(connection: sa.Connection, customer_id: str) -> Person:
    """The person with this customer id, under every id that the CRM has merged with it. One who is unknown has no handles."""

    def texts(query: str, **values: object) -> tuple[str, ...]:
        found = connection.scalars(sa.text(query), {**ids, **values})
        return tuple(sorted({value for value in found if value}))

    ids: dict[str, object] = {}
    ids["customer"] = list(texts(_SAME_PERSON, customer_id=customer_id))
    ids["interaction"] = list(texts(_INTERACTIONS))
    ids["invitation"] = list(texts(_INVITATIONS))
    ids["work_order"] = list(texts(_ORDERS))
    records = {key for query in _records() for key in connection.scalars(sa.text(query), ids)}
    ids["record"] = sorted(records)
    derived = connection.scalars(sa.text(_DERIVED), ids).all()
    invitations = connection.scalars(sa.text("select invitation_id from ops.invitations where customer_id = any(:customer)"), ids).all()
    orders = connection.scalars(sa.text("select order_id from ops.work_orders where customer_id = any(:customer)"), ids).all()

    own: dict[str, tuple[str, ...]] = {}
    shared = []
    for column, kind in (("full_name", "name"), ("email", "e-mail address"), ("phone", "telephone number")):
        found = texts(f"select btrim({column}) from pii.customers where _key = any(:record)")
        also = _SHARED.format(column=column) + (_SHARED_ADDRESS if column == "email" else "")
        others = set(texts(also, values=list(found)))
        own[column] = tuple(value for value in found if value.lower() not in others)
        shared += [kind] if others else []
    lines = {line.strip() for text in texts(_WORDS) for line in text.splitlines() if len(line.strip()) >= SHORTEST_LINE}
    said = set(texts(_SAID_BY_OTHERS, lines=sorted(lines)))
    shared += ["some of the words"] if said else []
    return Person(
        {kind: tuple(str(value) for value in values) for kind, values in ids.items()},  # type: ignore[attr-defined]
        frozenset({*records, *derived, *invitations, *orders}),
        own["full_name"],
        own["email"],
        own["phone"],
        tuple(sorted(lines - said)),
        tuple(shared),
    )


def _records() -> list[str]:
    """Per entity a query for the keys of records that refer to the person."""
    queries = []
    for entity in ENTITIES.values():
        columns = [column.name for column in entity.plain_columns if column.name in KIND_OF]
        if columns:
            about = " or ".join(f"{column} = any(:{KIND_OF[column]})" for column in columns)
            queries.append(f"select distinct _key from raw.{entity.name} where {about}")
    return queries
