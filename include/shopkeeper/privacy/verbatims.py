"""The verbatims of answers, redacted set by set before each build, so that marts may carry them.

An answer is redacted once, with all names that are known by then: those of its customer and of whoever served him or her, as any
version of their records says, and those of all staff. It is redacted anew when the method changes, or when a build is the first to
know another name that may stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
import sqlalchemy as sa

from shopkeeper.privacy.names import Names, People, keys, of_address, words
from shopkeeper.privacy.redaction import METHOD, redact_text
from shopkeeper.warehouse import locks

CHUNK = 10_000
# More new names at once than this, and every verbatim is read again rather than searched for them.
SEARCHED_NAMES = 300


def redact_verbatims(engine: sa.Engine, build_id: int, *, now: datetime) -> dict[str, int]:
    """Redact the verbatims of the batches that a build froze, where that has not been done; in one transaction.

    Returns how many were read, and how many of them held something to replace. Raises ShopkeeperError when another run is at work.
    """
    with locks.exclusive(engine, locks.MARTS), engine.begin() as connection:
        named = staff_names(connection)
        at_work = {"build_id": build_id, "method": METHOD}
        connection.execute(sa.text(_TO_REDACT), at_work)
        _add_those_known_better(connection, build_id)
        for statement in (*_OWN_NAMES, _RESULTS):
            connection.execute(sa.text(statement))
        staff = People.named(name for names in named.values() for name in names)
        read = replaced = 0
        for rows in _chunks(connection):
            done = [(key, batch_id, *redacted(text, own, served, named, staff)) for key, batch_id, text, own, served in rows]
            _write(connection, done)
            read, replaced = read + len(done), replaced + sum(1 for *_, count in done if count)
        connection.execute(sa.text(_KEEP), {**at_work, "now": now})
    return {"verbatims": read, "with_something_replaced": replaced}


def redacted(text: str, own: list[str], served: list[str], named: dict[str, tuple[str, ...]], staff: People) -> tuple[str, int]:
    """A text redacted for whoever is called `own` and was `served` by those employees; and how many places were replaced."""
    names = (*own, *(name for employee in served for name in named.get(employee, ())))
    done = redact_text(text, Names(_people(names), staff))
    return done.text, done.replaced


@lru_cache(maxsize=10_000)
def _people(names: tuple[str, ...]) -> People:
    return People.named(names)


def staff_names(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """Employee → names, from every version of the records of staff: what their addresses give away, and undeclared columns of names."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(sa.text(_STAFF)):
        found.setdefault(row.employee_id, set()).update(name for name in (of_address(row.email or ""), row.written) if name)
    return {employee_id: tuple(sorted(names)) for employee_id, names in found.items()}


def _add_those_known_better(connection: sa.Connection, build_id: int) -> None:
    """Answers of customers of whom this build knows another record than the last one, and those that name somebody new on the staff."""
    last = connection.scalar(sa.text("select max(build_id) from ops.redacted_verbatims where build_id < :build_id"), {"build_id": build_id})
    if last is None:
        return
    clocks = {"build_id": build_id, "last": last}
    connection.execute(sa.text(_NEW_BATCHES), clocks)
    connection.execute(sa.text(_OF_NEW_CUSTOMERS))
    before = {key for name in connection.scalars(sa.text(_STAFF_BEFORE)) for part in name.split() for key in keys(part)}
    fresh = {
        part.casefold()
        for name in connection.scalars(sa.text(_NEW_STAFF))
        for part in re.split(r"[\W\d_]+", name)
        if len(part) > 1 and not keys(part) & (before | words()["titles"] | words()["mailboxes"])
    }
    if len(fresh) > SEARCHED_NAMES:
        connection.execute(sa.text(_ALL))
    elif fresh:
        spellings = sorted(fresh | {key for part in fresh for key in keys(part)})
        connection.execute(sa.text(_WITH_WORDS), {"words": rf"\m({'|'.join(spellings)})s?\M"})


def _chunks(connection: sa.Connection) -> Iterator[list[tuple[Any, ...]]]:
    last: int = connection.scalar(sa.text("select coalesce(max(number), 0) from to_redact")) or 0
    for start in range(0, last, CHUNK):
        query = f"""
            select _key, _batch_id, verbatim, coalesce(own_names, '{{}}'), coalesce(employees, '{{}}')
            from to_redact left join own_names using (_key)
            where number > {start:d} and number <= {start + CHUNK:d}
        """
        with _driver(connection).cursor() as cursor, cursor.copy(f"copy ({query}) to stdout") as copy:
            copy.set_types(["uuid", "int8", "text", "text[]", "text[]"])
            rows = list(copy.rows())
        yield rows  # not before the COPY has ended: its connection can do nothing else


def _write(connection: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    statement = "copy redacted (_key, _batch_id, verbatim, replaced) from stdin"
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


_TO_REDACT = """
    create temporary table to_redact on commit drop as
    select row_number() over () as number, personal._key, personal._batch_id, personal.verbatim
    from pii.survey_responses as personal
    inner join ops.build_batches as frozen on frozen.build_id = :build_id and personal._batch_id = frozen.batch_id
    left join ops.redacted_verbatims as done on personal._key = done._key and personal._batch_id = done._batch_id
    where personal.verbatim is not null and (done._key is null or done.method <> :method)
"""

_NEW_BATCHES = """
    create temporary table new_batches on commit drop as
    select batches.batch_id, batches.entity
    from ops.build_batches as frozen
    inner join ops.batches on frozen.batch_id = batches.batch_id
    where frozen.build_id = :build_id and batches.entity in ('customers', 'employees')
        and frozen.batch_id not in (select batch_id from ops.build_batches where build_id = :last)
"""

_AGAIN = """
    insert into to_redact
    select (select coalesce(max(number), 0) from to_redact) + row_number() over (), personal._key, personal._batch_id, personal.verbatim
    from pii.survey_responses as personal
    inner join ops.redacted_verbatims as done on personal._key = done._key and personal._batch_id = done._batch_id
    where personal.verbatim is not null and not exists (select from to_redact as listed where listed._key = done._key)
"""

_OF_NEW_CUSTOMERS = f"""
    {_AGAIN} and done._key in (
        with new_customers as (
            select customer_id from raw.customers
            where _batch_id in (select batch_id from new_batches where entity = 'customers')
        ),
        new_invitations as (
            select invitation_id from raw.survey_invitations where customer_id in (select customer_id from new_customers)
        )
        select _key from raw.survey_responses
        where customer_id in (select customer_id from new_customers)
            or invitation_id in (select invitation_id from new_invitations)
    )
"""
_WITH_WORDS = f"{_AGAIN} and done.verbatim ~* :words"
_ALL = _AGAIN

# Undeclared columns of a record that hold a person's name, by what sources call them.
_NAME_COLUMNS = (
    "^(.*_)?(name|fullname|(first|last|given|family|middle|maiden)_?name|surname|(vor|nach|familien|geburts)name|nom|prenom"
    "|nombre|apellidos?|nome|sobrenome)$"
)
_WRITTEN = f"""(
    select string_agg(value, ' ')
    from jsonb_each_text(case when jsonb_typeof(extra) = 'object' then extra end)
    where lower(key) ~ '{_NAME_COLUMNS}'
)"""

_STAFF = f"""
    select distinct posts.employee_id, personal.email, {_WRITTEN} as written
    from pii.employees as personal
    inner join raw.employees as posts on personal._key = posts._key
"""
_NAMES_OF_STAFF = f"""
    select concat_ws(' ', regexp_replace(split_part(email, '@', 1), '[._+0-9-]+', ' ', 'g'), {_WRITTEN}) from pii.employees
"""
_NEW_STAFF = f"{_NAMES_OF_STAFF} where _batch_id in (select batch_id from new_batches where entity = 'employees')"
_STAFF_BEFORE = f"{_NAMES_OF_STAFF} where _batch_id not in (select batch_id from new_batches where entity = 'employees')"


# A version's key is made of source and id: a few records are found by the keys that they would have in each source.
def _records(entity: str, ids: str) -> str:
    return f"""_key in (
        select ops.stable_id('{entity}:' || sources.source, ids.id)
        from ({ids}) as ids (id)
        cross join (select distinct source from ops.batches where entity = '{entity}') as sources
    )"""


_OWN_NAMES = (
    "analyze to_redact",
    """
    create temporary table redacted_answers on commit drop as
    select distinct _key, customer_id, invitation_id, interaction_id
    from raw.survey_responses where _key in (select _key from to_redact)
    """,
    f"""
    insert into redacted_answers
    select distinct answers._key, invitations.customer_id, null, invitations.interaction_id
    from redacted_answers as answers
    inner join raw.survey_invitations as invitations on answers.invitation_id = invitations.invitation_id
    where invitations.{_records("survey_invitations", "select invitation_id from redacted_answers where invitation_id is not null")}
    """,
    f"""
    create temporary table served_answers on commit drop as
    select distinct answers._key, interactions.customer_id, interactions.employee_id
    from redacted_answers as answers
    inner join raw.interactions as interactions on answers.interaction_id = interactions.interaction_id
    where interactions.{_records("interactions", "select interaction_id from redacted_answers where interaction_id is not null")}
    """,
    """
    create temporary table customers_of_answers on commit drop as
    select _key, customer_id from redacted_answers where customer_id is not null
    union
    select _key, customer_id from served_answers
    """,
    f"""
    create temporary table own_names on commit drop as
    with called as (
        select customers.customer_id, concat_ws(' ', personal.full_name, {_WRITTEN}) as name
        from pii.customers as personal
        inner join raw.customers as customers on personal._key = customers._key
        where personal.{_records("customers", "select customer_id from customers_of_answers")}
    ),
    by_customer as (
        select of_answers._key, array_agg(distinct called.name) as own_names
        from customers_of_answers as of_answers
        inner join called on of_answers.customer_id = called.customer_id
        group by of_answers._key
    ),
    by_employee as (
        select _key, array_agg(distinct employee_id) as employees from served_answers where employee_id is not null group by _key
    )
    select _key, own_names, employees from by_customer full join by_employee using (_key)
    """,
    "analyze own_names",
)

_RESULTS = """
    create temporary table redacted (_key uuid, _batch_id bigint, verbatim text, replaced integer) on commit drop
"""

# What comes out as it was stays as it was made, so that a build can tell what changed.
_KEEP = """
    insert into ops.redacted_verbatims as kept (_key, _batch_id, verbatim, replaced, method, build_id, redacted_at)
    select _key, _batch_id, verbatim, replaced, :method, :build_id, :now from redacted
    on conflict (_batch_id, _key) do update set
        verbatim = excluded.verbatim, replaced = excluded.replaced, method = excluded.method, build_id = excluded.build_id,
        redacted_at = excluded.redacted_at
    where (kept.verbatim, kept.method) is distinct from (excluded.verbatim, excluded.method)
"""
