"""Who may read what. The owner is the user of `WAREHOUSE_URL`; in the embedded warehouse it is called `shopkeeper`."""

from __future__ import annotations

import secrets

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail

# Groups that nobody logs in as; people and programs log in as members.
ROLES = ("bi_reader", "cx_auditor", "frontline_manager", "desk", "survey_page")

# A schema that is not here is closed to all of them. `frontline` opens with its row-level security; `desk` gets its
# rights with the tables that it works on.
READERS = {
    "marts": ("bi_reader", "cx_auditor", "frontline_manager"),
    "quality": ("cx_auditor",),
}

# What a role may do through functions that run as the owner, and in no other way.
CALLERS = {
    "ops": {
        "survey_page": (
            "open_survey(uuid)",
            "record_answer(uuid, integer, boolean, jsonb, jsonb, boolean, timestamptz, text)",
            "record_decline(uuid)",
            "record_opt_out(uuid)",
            "receive_message(text, text, jsonb)",
            "answer_hang_up(text, text, jsonb, jsonb)",
        ),
    },
}


def create_missing(engine: sa.Engine) -> None:
    """Create the roles that the server lacks. They belong to the whole server, and other databases may be creating them now."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = set(connection.scalars(sa.text("select rolname from pg_roles")))
        for role in ROLES:
            if role not in there:
                _create(connection, role)


def _create(connection: sa.Connection, role: str) -> None:
    try:
        connection.execute(sa.text(f"create role {role} nologin"))
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            hint = "have an administrator run: " + " ".join(f"create role {name} nologin;" for name in ROLES)
            raise fail("warehouse", f"its user may not create the role {role}", hint) from None
        if not isinstance(error.orig, psycopg.errors.DuplicateObject | psycopg.errors.UniqueViolation):
            raise


def grant_schema(connection: sa.Connection, schema: str) -> None:
    """Give `schema`, under the name that it has now, exactly the rights that this name deserves; take away all others.

    Publishing calls it for each of the renamed schemas, inside its transaction: what was published a moment ago and
    is now the workshop closes, what was the workshop opens. Tables whose names begin with `_` stay the pipeline's own.
    """
    name = connection.dialect.identifier_preparer.quote_schema(schema)
    everyone = ", ".join(ROLES)
    connection.execute(sa.text(f"revoke all on schema {name} from {everyone}"))
    connection.execute(sa.text(f"revoke all on all tables in schema {name} from {everyone}"))
    # Postgres lets everybody call a new function.
    connection.execute(sa.text(f"revoke all on all functions in schema {name} from public, {everyone}"))
    for role, functions in CALLERS.get(schema, {}).items():
        connection.execute(sa.text(f"grant usage on schema {name} to {role}"))
        for function in functions:
            connection.execute(sa.text(f"grant execute on function {name}.{function} to {role}"))
    readers = ", ".join(READERS.get(schema, ()))
    if not readers:
        return
    connection.execute(sa.text(f"grant usage on schema {name} to {readers}"))
    tables = sa.text(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = :schema and not starts_with(tablename, '_')"
    )
    if found := connection.scalars(tables, {"schema": schema}).all():
        connection.execute(sa.text(f"grant select on {', '.join(found)} to {readers}"))


def create_login(engine: sa.Engine, name: str, role: str) -> str:
    """Make a user who logs in and is a member of `role`; returns its password, which is kept nowhere.

    One who is there already gets a new password. Raises ShopkeeperError for an unknown role, and for a name that belongs
    to somebody who is no mere member of that role.
    """
    if role not in ROLES:
        raise fail(f"role {role}", "there is no such role", f"one of {', '.join(ROLES)}")
    password = secrets.token_urlsafe(18)
    with engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote_identifier(name)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        # Hashed here, so that the server's log never holds the password.
        verifier = driver.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        memberships = (
            "select array(select roleid::regrole::text from pg_auth_members where member = pg_roles.oid) from pg_roles where rolname = %s"
        )
        there = connection.exec_driver_sql(memberships, (name,)).scalar()
        if there is None:
            connection.exec_driver_sql(f"create role {quoted} login password '{verifier}' in role {role}")
        elif there == [role]:
            connection.exec_driver_sql(f"alter role {quoted} password '{verifier}'")
        else:
            raise fail(f"user {name}", "there is another user of this name", "choose another name")
        # Publishing waits for open transactions: a tool that forgets one must not hold it up for long.
        connection.exec_driver_sql(f"alter role {quoted} set idle_in_transaction_session_timeout = '2min'")
    return password
