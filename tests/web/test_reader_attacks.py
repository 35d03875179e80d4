"""Whoever may log in tries to read what is not his: every table and column there is, every function, and the usual ways around."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from tests.closed_loop.loop_world import a_company
from tests.survey.people import employee, put
from tests.web.desk_world import NOW, fill, login_of, order_of

from shopkeeper.warehouse import roles
from shopkeeper.warehouse.engine import connect_raw
from shopkeeper.warehouse.tables import REJECTED_ROWS

ROW_SECURITY = Path(__file__).resolve().parents[2] / "dbt_project" / "macros" / "engine" / "row_security.sql"
# Of C7, whom CAT of the other team served; and of anybody, for those who may read nobody's.
OTHERS = ("gerda other", "+49 30 777", "c7@example.org", "the other team let me down", "planted payload", "planted object")
ANYBODYS = (*OTHERS, "klara weber", "+49 30 111", "c1@example.org", "nobody called me back", "so kind on the telephone", "@work.example")
EMPLOYEES = ("cat_secret", "lead2_secret")  # rows of frontline that are the other team's

# What each is, and what it must never see.
ACTORS = {
    "bi_reader": (*ANYBODYS, *EMPLOYEES, "ann_secret"),
    "cx_auditor": (*ANYBODYS, *EMPLOYEES, "ann_secret"),
    "frontline_manager": (*ANYBODYS, *EMPLOYEES),
    "desk": (*OTHERS, *EMPLOYEES),
    "survey_page": (*ANYBODYS, *EMPLOYEES, "ann_secret"),
}

RELATIONS = """
    select format('%I.%I', nspname, relname), array_agg(format('%I', attname) order by attnum),
        has_any_column_privilege(pg_class.oid, 'select')
    from pg_catalog.pg_class
    join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
    join pg_catalog.pg_attribute on attrelid = pg_class.oid and not attisdropped
    where relkind in ('r', 'v', 'm', 'S', 't', 'p', 'f') and nspname not like 'pg\\_temp%'
    group by pg_class.oid, nspname, relname order by 1
"""
FUNCTIONS = """
    select format('%I.%I', nspname, proname), array(select format_type(each, null) from unnest(proargtypes) as each)
    from pg_catalog.pg_proc join pg_catalog.pg_namespace on pg_namespace.oid = pronamespace
    where nspname not in ('pg_catalog', 'information_schema') and prokind in ('f', 'p')
    order by 1
"""
# Ways around: none of them may say anything of anybody, whatever it does instead.
TRICKS = (
    "set role shopkeeper; table pii.customers",
    "set session authorization shopkeeper; table pii.customers",
    "select set_config('role', 'shopkeeper', false); table pii.customers",
    "set row_security = off; table frontline.answers",
    "set row_security = off; table pii.customers",
    "alter role current_user superuser; table pii.customers",
    "alter table frontline.answers disable row level security; table frontline.answers",
    "grant shopkeeper to current_user; table pii.customers",
    "create policy mine on frontline.answers using (true); table frontline.answers",
    "select * from pg_catalog.pg_stats where schemaname in ('pii', 'raw', 'frontline', 'rejected')",
    "select * from pg_catalog.pg_statistic",
    "select lo_get(oid) from pg_catalog.pg_largeobject_metadata",
    "select encode(data, 'escape') from pg_catalog.pg_largeobject",
    "copy (table pii.customers) to program 'cat'",
    "copy pg_temp.copied from program 'cat /etc/passwd'",
    "select pg_read_file('postgresql.conf')",
    "select * from pg_ls_waldir()",
    "select lo_import('/etc/passwd')",
    "select pg_get_userbyid(10), current_setting('data_directory')",
    "select query from pg_catalog.pg_stat_activity",
    "select * from pg_catalog.pg_hba_file_rules",
    "select rolpassword from pg_catalog.pg_authid",
    "select * from pg_catalog.pg_logical_slot_peek_changes('x', null, null)",
    "create publication everything for all tables",
    "create extension file_fdw",
    "create function public.leak() returns setof text language sql security definer as $$ select full_name from pii.customers $$",
    "create view public.leak as select * from pii.customers; table public.leak",
    "create trigger leak before insert on ops.messages for each row execute function suppress_redundant_updates_trigger()",
    "do $$ begin execute 'table pii.customers'; end $$",
    "select query_to_xml('table pii.customers', true, true, '')",
    "select database_to_xml(true, true, '')",
    "select schema_to_xml('pii', true, true, '')",
    "select table_to_xml('frontline.answers', true, true, '')",
    "select ts_stat('select to_tsvector(full_name) from pii.customers')",
    "select * from pg_catalog.pg_prepared_statements",
    "listen shopkeeper_closed_loop",
    # Another's eyes: a login of one's own is who it is, whatever it says; and the guards look only where they are told to.
    "select set_config('shopkeeper.employee', 'BOSS', false); table frontline.answers",
    "create temp table logins (login text, employee_id text); insert into pg_temp.logins values (session_user, 'BOSS');"
    " set search_path = pg_temp, ops; table frontline.answers",
    "create function pg_temp.starts_with(text, text) returns boolean language sql as 'select true';"
    " set search_path = pg_temp, pg_catalog; table frontline.answers",
    "create function pg_temp.current_employee() returns text language sql as $$ select 'BOSS' $$;"
    " set search_path = pg_temp; table frontline.answers",
)  # fmt: skip
# A condition of one's own is asked only of rows that one may see: else it would tell of the others, by a notice or an error.
LEAKS = (
    "create function pg_temp.tell(anyelement) returns boolean language plpgsql cost 0.0000001 as"
    " $$ begin raise notice '%%', $1; return true; end $$; select count(*) from {table} as told where pg_temp.tell(told)",
    "select count(*) from {table} as told where (told::text)::int > 0",
    "select count(*) from {table} as told where 1 / (length(told::text) - length(told::text)) > 0",
)


@pytest.fixture(scope="module")
def filled(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> sa.Engine:
    """Two teams' customers, answers and orders; rows of employees under the marts' own policy; something in every other corner."""
    fill(database, a_company(tmp_path_factory.mktemp("company") / "folder"))
    put(database, "employees", [employee("E9", email="gerda.other@work.example")])
    of = {"entity": "customers", "source": "crm", "reason": "r", "first_batch_id": 1, "last_batch_id": 1}
    macro = ROW_SECURITY.read_text()
    policy = macro[macro.index("alter table") : macro.rindex("{%- endmacro")]
    pipeline = re.search(r'set pipeline = "(.*)" -%}', macro)
    assert pipeline
    secured = policy.replace("{{ this }}", "frontline.answers").replace("{{ pipeline }}", pipeline[1])
    with database.begin() as connection:
        connection.execute(sa.insert(REJECTED_ROWS).values(payload_hash=f"{1:032}", payload={"mail": "planted payload"}, **of))
        rows = "('ANN', '/HQ/B1/T1/', 'ann_secret'), ('CAT', '/HQ/B1/T2/', 'cat_secret'), ('LEAD2', '/HQ/B1/T2/', 'lead2_secret')"
        for statement in (
            "create table frontline.answers (employee_id text, unit_path text, score text)",
            f"insert into frontline.answers values {rows}",
            secured,
            "create table marts.dim_customers as select customer_id from raw.customers",
            "create table marts_next.half_done as select full_name from pii.customers",
            "create table public.left_behind as select full_name from pii.customers",
            "create materialized view quality._prepared as select full_name from pii.customers",
            "select lo_from_bytea(0, 'planted object')",
            "analyze",
        ):
            connection.execute(sa.text(statement))
        for schema in ("marts", "marts_next", "frontline", "quality", "intermediate"):
            roles.grant_schema(connection, schema)
    return database


@pytest.fixture(scope="module")
def watched(filled: sa.Engine) -> Iterator[None]:
    """Somebody is at work whose statement names a customer."""
    with filled.connect() as connection:
        connection.execute(sa.text("select count(*) from pii.customers where full_name = 'Gerda Other'"))
        yield


def logged_in(engine: sa.Engine, role: str) -> psycopg.Connection[Any]:
    """A login of its own. The manager leads team T1, and ANN sits at the desk."""
    if role == "frontline_manager":
        name = f"lead1_of_{engine.url.database}"
        password = roles.create_login(engine, name, role, employee_id="LEAD1")
        url = engine.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)
    else:
        url = login_of(engine, role)
    connection = connect_raw(url)
    connection.autocommit, connection.prepare_threshold = True, None
    begin(connection, role)
    return connection


def begin(connection: psycopg.Connection[Any], role: str) -> None:
    """A session as it is after logging in."""
    connection.execute("discard all")
    connection.execute("set statement_timeout = '10s'")
    if role == "desk":
        connection.execute("select set_config('shopkeeper.employee', 'ANN', false)")


@pytest.mark.parametrize("role", ACTORS)
def test_no_reader_reaches_what_is_not_his_by_any_query(filled: sa.Engine, watched: None, role: str) -> None:
    # A report is read by hundreds, and one of them is curious: what the database shows him, no page can hide.
    secrets, tried, seen = ACTORS[role], 0, list[str]()

    def attempt(connection: psycopg.Connection[Any], statement: str) -> bool:
        """Whether it was allowed; whatever it brought, or said while it failed, is seen."""
        nonlocal tried
        tried += 1
        try:
            cursor = connection.execute(statement.encode())
            while True:
                if cursor.description:
                    seen.append(str(cursor.fetchall()))
                if not cursor.nextset():
                    return True
        except psycopg.Error as error:
            told = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint, error.diag.context)
            seen.append(str(told))  # and not where it stands in what was asked
            return False

    with logged_in(filled, role) as connection:
        connection.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
        whole = connection.execute(RELATIONS).fetchall()
        assert len(whole) > 300
        for table, columns, has_some in whole:
            if not attempt(connection, f"select tried::text from {table} as tried limit 10000"):
                # A right may be for single columns; where there is none for any, asking one by one is asking the same again.
                for column in columns if has_some else columns[:1]:
                    attempt(connection, f"select {column}::text from {table} limit 10000")
        for function, types in connection.execute(FUNCTIONS).fetchall():
            for values in itertools.islice(itertools.product(*(_values(filled, kind) for kind in types)), 60):
                attempt(connection, f"select * from {function}({', '.join(values)}) limit 1000")
        for table in ("frontline.answers", "pii.customers", "pii.survey_responses", "raw.customers", "ops.work_orders", "ops.signals"):
            for leak in LEAKS:
                attempt(connection, leak.format(table=table).replace("%%", "%"))
        for trick in TRICKS:
            if role != "desk" or "shopkeeper.employee" not in trick:  # the desk logs in for everybody, and says for whom it asks
                attempt(connection, trick)
                begin(connection, role)
        if role == "frontline_manager":
            assert any("ann_secret" in one for one in seen), "the own team's rows are there"
        if role == "desk":
            assert any("Klara Weber" in one for one in seen), "the own customer is there"
    leaked = {secret: one[:300] for one in seen for secret in secrets if secret in one.casefold()}
    assert leaked == {}
    assert tried > 500


def _values(engine: sa.Engine, kind: str) -> list[str]:
    """Arguments that could bring something, of each type."""
    order = order_of(engine, "C7")
    values = {
        "text": ["'C7'", "'CAT'", "'BOSS'", "'I7'", "'/HQ/'", f"'{order}'", "'gerda.other@work.example'", "null", "'%'"],
        "uuid": [f"'{order}'", "gen_random_uuid()"],
        "uuid[]": ["null", f"array['{order}']::uuid[]"],
        "text[]": ["null", "array['C7', 'CAT', 'I7']"],
        "timestamp with time zone": [f"'{NOW:%Y-%m-%d}'::timestamptz - interval '1 year'", "'2000-01-01'"],
        "jsonb": ["'{}'", '\'{"data": {"customer_id": "C7"}}\''],
        "integer": ["1"],
        "boolean": ["true"],
    }
    return values.get(kind, ["null"])
