"""Who reads what, tried: a wrong grant shows customers' names, or employees' scores, to people who must not see them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import connect_raw, engine
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.tables import SCHEMAS

from .conftest import MAJOR

MAY_READ = {
    "bi_reader": {"marts"},
    "cx_auditor": {"marts", "quality"},
    "frontline_manager": {"marts"},
    "desk": set(),
    "survey_page": set(),
}


@pytest.fixture
def published(warehouse: sa.Engine) -> sa.Engine:
    """A warehouse with a table in every schema, published once."""
    with warehouse.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(sa.text(f"create table {schema}.tried as select 1 as answer"))
            connection.execute(sa.text(f"create table {schema}._applied as select 1 as batch_id"))
            roles.grant_schema(connection, schema)
    return warehouse


def _may(connection: psycopg.Connection, statement: str) -> bool:
    """Whether a statement is allowed; any other error than a refusal is an error of the test."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@pytest.fixture(params=roles.ROLES)
def member(request: pytest.FixtureRequest, published: sa.Engine) -> Iterator[tuple[str, psycopg.Connection]]:
    with connect_raw(published.url.render_as_string(hide_password=False)) as connection:
        connection.execute(f"set role {request.param}")
        connection.commit()
        yield request.param, connection


def test_a_role_reads_its_schemas_and_no_others(member: tuple[str, psycopg.Connection]) -> None:
    role, connection = member
    assert {schema for schema in SCHEMAS if _may(connection, f"table {schema}.tried")} == MAY_READ[role]
    assert not any(_may(connection, f"table {schema}._applied") for schema in SCHEMAS), "the pipeline's own notes"
    real = ["raw.customers", "pii.customers", "rejected.rows", "ops.batches", "quality.gate_results"]
    readable = {"cx_auditor": {"quality.gate_results"}, "desk": {"raw.customers", "pii.customers"}}
    assert {table for table in real if _may(connection, f"select * from {table} limit 1")} == readable.get(role, set())


def test_a_role_changes_nothing_anywhere(member: tuple[str, psycopg.Connection]) -> None:
    _, connection = member
    for schema in (*SCHEMAS, "public"):
        assert not _may(connection, f"create table {schema}.mine (a int)")
    for schema in SCHEMAS:
        for statement in ("insert into {} values (2)", "update {} set answer = 2", "delete from {}", "truncate {}", "drop table {}"):
            assert not _may(connection, statement.format(f"{schema}.tried")), statement.format(schema)
    for statement in ("create role mine", "create schema mine", "copy (select 1) to program 'true'"):
        assert not _may(connection, statement), statement
    assert _may(connection, "select ops.stable_id('a', 'b')") is (member[0] == "desk")
    assert not _may(connection, "select pg_read_file('postgresql.conf')")
    privileges = "select rolsuper or rolcreaterole or rolcreatedb or rolcanlogin or rolbypassrls from pg_roles where rolname = %s"
    assert connection.execute(privileges, [member[0]]).fetchone() == (False,)
    for other in (*roles.ROLES, "shopkeeper"):
        if other != member[0]:
            assert connection.execute("select pg_has_role(%s, %s, 'member')", [member[0], other]).fetchone() == (False,)


CALLS = {
    "survey_page": {
        "select * from ops.open_survey(gen_random_uuid())",
        "select ops.record_answer(gen_random_uuid(), 9, true, '{}', '{}', null, now(), null)",
        "select ops.record_decline(gen_random_uuid())",
        "select ops.record_opt_out(gen_random_uuid())",
        "select ops.receive_message('them', 'a', '{}')",
        "select ops.answer_hang_up('them', 'b', '{}', '{}')",
        "select * from ops.last_signs()",
        "select ops.told_customers()",
    },
    "frontline_manager": {"select ops.current_employee()", "select ops.led_unit()", "select ops.sees_unit('/HQ/')"},
    "desk": {
        "select ops.current_employee()",
        "select ops.led_unit()",
        "select ops.own_unit()",
        "select ops.decides()",
        "select ops.sees_unit('/HQ/')",
        "select ops.sees_interaction('I1')",
        "select ops.visible_customers()",
        "select * from ops.told_answers('2026-01-01', null, null)",
        "select ops.employee_of_address('a@example.com')",
        "select ops.stable_id('a', 'b')",
        "select ops.unit_path_of('E1')",
        "select * from ops.seen_answers('2026-01-01', null, null, null)",
        "select ops.is_answer_of(gen_random_uuid()::text, 'E1', null)",
    },
    "cx_auditor": {
        "select * from quality.answer_disputes()",
        "select * from quality.disputed_responses()",
        "select * from quality.interaction_versions('I1')",
    },
}

# What the desk reads or adds to without row-level security: nothing here says anything about a customer.
NOBODYS = {"ops.batches", "ops.directory", "ops.instance", "ops.message_queue", "ops.messages", "pii.message_texts"} | {
    "raw.org_units",
    "raw.products",
}


def test_a_role_calls_its_functions_and_no_others(member: tuple[str, psycopg.Connection]) -> None:
    """The survey page faces the world. Broken into, it may add an answer, a no or an opt-out, and learn nothing of anybody."""
    role, connection = member
    every = {statement for statements in CALLS.values() for statement in statements}
    assert {statement for statement in every if _may(connection, statement)} == CALLS.get(role, set())
    callable_ones = """
        select count(*) from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
        where nspname = any(%s) and has_function_privilege(pg_proc.oid, 'execute') and has_schema_privilege(pg_namespace.oid, 'usage')
    """
    assert connection.execute(callable_ones, [list(SCHEMAS)]).fetchone() == (len(CALLS.get(role, ())),)
    own_tables = """
        select oid::regclass::text, relrowsecurity from pg_class
        where relnamespace = any(%s::regnamespace[]) and relkind = 'r' and has_any_column_privilege(oid, 'select, insert')
    """
    closed = [schema for schema in SCHEMAS if schema not in MAY_READ[role]]
    own = dict(connection.execute(own_tables, [closed]).fetchall())
    rights = {f"{schema}.{table}" for schema in ("ops", "pii", "raw") for table in roles.RIGHTS[schema]}
    assert set(own) == (rights if role == "desk" else set())
    assert {table for table, is_by_row in own.items() if not is_by_row} == (NOBODYS if role == "desk" else set())


def test_what_auditors_see_names_no_employee_and_nobodys_words(warehouse: sa.Engine) -> None:
    """An audit is read by many. A view that takes one column more from below shows who called, or what a source sent."""
    shown = sa.text("""
        select column_name from information_schema.columns where table_schema = 'quality'
        union
        select unnest(proargnames) from pg_proc where pronamespace = 'quality'::regnamespace
    """)
    with warehouse.connect() as connection:
        columns = set(connection.scalars(shown))
    personal = {"extra"} | {column.name for entity in ENTITIES.values() for column in entity.columns if column.is_pii}
    assert columns >= {"invitation_id", "reason", "org_unit_id"}
    assert not columns & (personal | {"employee_id", "manager_id", "actor", "payload", "config", "details", "note"})


def test_what_is_published_opens_and_the_workshop_closes(published: sa.Engine) -> None:
    """The two schemas change names; rights that stayed with the tables would show a half-built publication."""
    with published.begin() as connection:
        connection.execute(sa.text("create table marts_next.brand_new as select 1 as answer"))
        connection.execute(sa.text("alter schema marts rename to marts_swap"))
        connection.execute(sa.text("alter schema marts_next rename to marts"))
        connection.execute(sa.text("alter schema marts_swap rename to marts_next"))
        for schema in ("marts", "marts_next"):
            roles.grant_schema(connection, schema)
    with connect_raw(published.url.render_as_string(hide_password=False)) as reader:
        reader.execute("set role bi_reader")
        reader.commit()
        assert _may(reader, "table marts.brand_new")
        assert _may(reader, "table marts.tried")
        assert not _may(reader, "table marts._applied")
        assert not _may(reader, "table marts_next.tried")


def test_granting_waits_for_no_reader(published: sa.Engine) -> None:
    """Publishing happens while people read; it must not hang behind an open report."""
    url = published.url.render_as_string(hide_password=False)
    with connect_raw(url) as reader, published.begin() as publisher:
        reader.execute("set role bi_reader")
        reader.execute("table marts.tried")
        publisher.execute(sa.text("set local lock_timeout = '2s'"))
        roles.grant_schema(publisher, "marts")


def test_a_login_has_the_rights_of_its_role(published: sa.Engine) -> None:
    name = f"Anna {secrets.token_hex(4)}"
    password = roles.create_login(published, name, "bi_reader")

    def login(password: str) -> psycopg.Connection:
        return connect_raw(published.url.set(username=name, password=password).render_as_string(hide_password=False))

    with login(password) as connection:
        assert {schema for schema in SCHEMAS if _may(connection, f"table {schema}.tried")} == {"marts"}
        # A tool that forgets its transaction would hold up every publication.
        assert connection.execute("show idle_in_transaction_session_timeout").fetchone() == ("2min",)
    renewed = roles.create_login(published, name, "bi_reader")
    with pytest.raises(ShopkeeperError, match="password is wrong"):
        login(password)
    login(renewed).close()
    with published.begin() as connection:
        connection.execute(sa.text(f'drop role "{name}"'))


def test_a_login_never_takes_over_another_user(published: sa.Engine) -> None:
    """`--role bi_reader` for the owner's name would lock the pipeline out."""
    for name in ("shopkeeper", "cx_auditor"):
        with pytest.raises(ShopkeeperError, match="another user of this name"):
            roles.create_login(published, name, "bi_reader")
    with pytest.raises(ShopkeeperError, match="no such role"):
        roles.create_login(published, "other", "shopkeeper")


def test_roles_are_made_by_many_processes_at_once(folder: Path) -> None:
    """Roles belong to the whole server: new warehouses on it, migrated at the same time, make the same ones."""
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    program = "from shopkeeper.warehouse.engine import engine; from shopkeeper.warehouse.schema import migrate; migrate(engine())"
    crowd = []
    for number in range(3):
        server.create_database(f"crowd_{number}")
        environment = {**os.environ, "WAREHOUSE_URL": server.url(f"crowd_{number}")}
        crowd.append(subprocess.Popen([sys.executable, "-c", program], env=environment))
    assert [one.wait() for one in crowd] == [0, 0, 0]
    with connect_raw(server.url("crowd_0")) as connection:
        assert connection.execute("select count(*) from pg_roles where rolname = any(%s)", [list(roles.ROLES)]).fetchone() == (5,)


def test_a_user_who_may_not_create_roles_is_told_what_to_ask_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_raw(server.url("postgres")) as connection:
        connection.execute("create role guest login password 'guest'")
    monkeypatch.setattr(roles, "ROLES", ("not_there_yet",))
    made = engine(sa.make_url(server.url("warehouse")).set(username="guest", password="guest").render_as_string(hide_password=False))
    with pytest.raises(ShopkeeperError, match="create role not_there_yet nologin;"):
        roles.create_missing(made)
    made.dispose()
