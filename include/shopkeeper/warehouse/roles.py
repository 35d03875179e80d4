"""Who may read what. The owner is the user of `WAREHOUSE_URL`; in the embedded warehouse it is called `shopkeeper`."""

from __future__ import annotations

import secrets

import psycopg
import sqlalchemy as sa

from shopkeeper.errors import fail

# Groups that nobody logs in as; people and programs log in as members.
ROLES = ("bi_reader", "cx_auditor", "frontline_manager", "desk", "survey_page")

# A schema that is not here is closed to all of them.
READERS = {
    "marts": ("bi_reader", "cx_auditor", "frontline_manager"),
    "quality": ("cx_auditor",),
    "frontline": ("frontline_manager", "desk"),
}

# Here a table without row-level security stays closed: it would show every employee's rows to every other.
ROW_BY_ROW = ("frontline",)

# What the desk works on, table by table; which rows, its policies say (migration 0013).
RIGHTS: dict[str, dict[str, str]] = {
    "ops": {
        "absences": "select, insert, update (withdrawn_by, withdrawn_at)",
        "backlog": "select, insert",
        "batches": "select (batch_id, entity, source, status, loaded_at, accepted)",
        "change_events": "select, insert",
        "changes": "select, insert",
        "coaching_answers": "select, insert",
        "coachings": "select, insert, update (result_at)",
        "crm_outbox": "select, insert",
        "directory": "select",
        "dispute_decisions": "select, insert",
        "disputes": "select, insert",
        "huddle_answers": "select, insert",
        "huddle_issues": "select, insert, update (done_at, done_by)",
        "huddles": "select, insert, update (held_at, led_by, recorded_at)",
        "initiative_events": "select, insert",
        "instance": "select",
        "invitation_events": "select",
        "invitations": "select",
        "message_queue": "insert",
        "messages": "insert, select (message_id)",
        "signals": "select",
        "thanks": "select, insert",
        "work_order_events": "select, insert",
        "work_orders": "select, update",
    },
    "pii": {
        "calls": "select",
        "change_texts": "select, insert",
        "coaching_texts": "select, insert, update (result)",
        "contact_outcomes": "select",
        "customers": "select",
        "huddle_texts": "select, insert",
        "message_texts": "insert",
        "survey_responses": "select",
        "survey_submissions": "select",
        "work_order_texts": "select, insert",
    },
    "raw": {
        "calls": "select",
        "complaints": "select",
        "contact_outcomes": "select",
        "customers": "select",
        "interactions": "select",
        "offers": "select",
        "org_units": "select",
        "products": "select",
        "survey_responses": "select",
    },
    "marts": {"customer_lifetime_values": "select", "goal_attainment": "select", "initiative_priorities": "select"},
}

# What a role may do through functions that run as the owner, and in no other way.
CALLERS: dict[str, dict[str, tuple[str, ...]]] = {
    "ops": {
        "frontline_manager": ("current_employee()", "led_unit()", "sees_unit(text)"),
        "desk": (
            "current_employee()",
            "led_unit()",
            "own_unit()",
            "decides()",
            "sees_unit(text)",
            "visible_customers()",
            "sees_interaction(text)",
            "told_answers(timestamptz, text, text)",
            "employee_of_address(text)",
            "stable_id(text, text)",
            "unit_path_of(text)",
            "seen_answers(timestamptz, uuid[], text[], text)",
            "is_answer_of(text, text, text)",
        ),
        "survey_page": (
            "open_survey(uuid)",
            "record_answer(uuid, integer, boolean, jsonb, jsonb, boolean, timestamptz, text)",
            "record_decline(uuid)",
            "record_opt_out(uuid)",
            "receive_message(text, text, jsonb)",
            "answer_hang_up(text, text, jsonb, jsonb)",
            "last_signs()",
            "told_customers()",
        ),
    },
    "quality": {"cx_auditor": ("answer_disputes()", "disputed_responses()", "interaction_versions(text)")},
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
    tables = sa.text(
        "select relname, format('%I.%I', nspname, relname) from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace"
        " where nspname = :schema and relkind in ('r', 'v') and not starts_with(relname, '_') and (relrowsecurity or not :row_by_row)"
    )
    rows = connection.execute(tables, {"schema": schema, "row_by_row": schema in ROW_BY_ROW})
    found = {row.relname: row.format for row in rows}
    if readers := ", ".join(READERS.get(schema, ())):
        connection.execute(sa.text(f"grant usage on schema {name} to {readers}"))
        if found:
            connection.execute(sa.text(f"grant select on {', '.join(found.values())} to {readers}"))
    if rights := RIGHTS.get(schema):
        connection.execute(sa.text(f"grant usage on schema {name} to desk"))
        for table in rights.keys() & found.keys():
            connection.execute(sa.text(f"grant {rights[table]} on {found[table]} to desk"))


def create_login(engine: sa.Engine, name: str, role: str, *, employee_id: str | None = None) -> str:
    """Make a user who logs in and is a member of `role`; returns its password, which is kept nowhere.

    One who is there already gets a new password. `employee_id`, for a frontline_manager: with whose eyes the login reads
    `frontline`. Raises ShopkeeperError for an unknown role, for an employee of another role or who is unknown, and for a name that
    belongs to somebody who is no mere member of that role.
    """
    if role not in ROLES:
        raise fail(f"role {role}", "there is no such role", f"one of {', '.join(ROLES)}")
    if employee_id is not None and role != "frontline_manager":
        raise fail(f"role {role}", "is nobody in particular", "name an employee with the role frontline_manager")
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
        if employee_id is not None:
            _reads_as(connection, name, employee_id)
        # Publishing waits for open transactions: a tool that forgets one must not hold it up for long.
        connection.exec_driver_sql(f"alter role {quoted} set idle_in_transaction_session_timeout = '2min'")
    return password


def _reads_as(connection: sa.Connection, login: str, employee_id: str) -> None:
    known = sa.text("select exists (select from ops.directory where employee_id = :employee_id and is_here)")
    if not connection.scalar(known, {"employee_id": employee_id}):
        raise fail(f"employee {employee_id}", "does not work here, as far as ops.directory knows", "./shopkeeper run --dag close_loop")
    grant = """
        insert into ops.logins (login, employee_id, granted_at) values (:login, :employee_id, clock_timestamp())
        on conflict (login) do update set employee_id = excluded.employee_id, granted_at = excluded.granted_at
    """
    connection.execute(sa.text(grant), {"login": login, "employee_id": employee_id})
