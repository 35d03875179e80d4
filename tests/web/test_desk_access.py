"""Who sees what at the desk, tried from outside and in SQL: an order shows a customer's name, words and telephone number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from tests.web.desk_world import HEADER, NOW, Running, desk, desk_of, hidden, key_of, login_of, order_of

from shopkeeper.survey.links import Keys
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.backup import backup
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import connect_raw
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.roles import RIGHTS
from shopkeeper.warehouse.schema import migrate
from shopkeeper.web.desk import site
from shopkeeper.web.desk.acts import ACTS
from shopkeeper.web.guard import LIMITS, Counter, networks

FORM = {
    "reached": "yes",
    "to": "ANN",
    "reason": "other",
    "decision": "approve",
    "note": "x",
    "amount": "5",
    "action": "refund",
    "step": "1",
}


@pytest.fixture(scope="module")
def running(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with desk(database, tmp_path_factory.mktemp("desk") / "company") as found:
        yield found


def as_desk(engine: sa.Engine, employee_id: str) -> psycopg.Connection:
    """The desk's own login, saying for whom it asks."""
    connection = connect_raw(login_of(engine, "desk"))
    connection.execute("select set_config('shopkeeper.employee', %s, false)", [employee_id])
    return connection


def counted(engine: sa.Engine) -> list[tuple[int, ...]]:
    """Everything that the desk can change."""
    tables = [
        f"{schema}.{table}" for schema, of in RIGHTS.items() for table, rights in of.items() if "insert" in rights or "update" in rights
    ]
    with engine.connect() as connection:
        orders = "select count(*), count(distinct md5(work_orders::text)) from ops.work_orders"
        return [tuple(connection.execute(sa.text(orders.replace("::", "\\:\\:"))).one())] + [
            tuple(connection.execute(sa.text(f"select count(*) from {table}")).one()) for table in sorted(tables)
        ]


def test_an_employee_cannot_open_anothers_order_by_any_url(running: Running) -> None:
    """Every route of the desk that names a record, read from its routes, so that one added tomorrow is tried too."""
    others, order, own = key_of("a7"), order_of(running.engine, "C7"), order_of(running.engine, "C1")
    settings = site.Settings(running.folder, Keys([("k", b"x" * 24)]), "postgresql://nobody")
    routes = site.routes(settings, Counter("x"), clock=lambda: NOW, limits=LIMITS, trusted=())
    named = [route for route in routes if "order_id" in route.path or "response_key" in route.path]
    assert len(named) >= len(ACTS) + 2
    ann, before = running.client("ANN"), counted(running.engine)
    proof = hidden(ann.get(f"/desk/orders/{own}").text)
    tried = 0
    for route in named:
        for record in (order, others, uuid4(), "..%2f", own if "response_key" in route.path else others):
            path = re.sub(r"\{(order_id|response_key)(:path)?\}", str(record), route.path)
            for method in (route.methods or set()) - {"HEAD"}:
                answer = ann.request(method, path, data={**proof, **FORM} if method == "POST" else None)
                assert answer.status_code == 404, (method, path, answer.status_code)
                assert not any(word in answer.text for word in ("Gerda", "777", "let me down"))
                tried += 1
    assert tried > 50
    for page in (
        "/desk",
        "/desk/overdue",
        "/desk/closed",
        "/desk/search?q=Gerda",
        "/desk/search?q=C7",
        f"/desk/search?q={order}",
        "/desk/answers",
    ):
        found = ann.get(page)
        assert found.status_code == 200
        assert "let me down" not in found.text
        assert str(order) not in found.text.replace(f"q={order}", "").replace(f"“{order}”", "")
        assert "Gerda Other" not in found.text
    assert ann.get("/desk/team").status_code == 404
    assert ann.get("/desk/answers/team").status_code == 404
    assert counted(running.engine) == before
    # The same addresses do open for whose they are, and for whoever leads them.
    for who in ("CAT", "LEAD2", "BRANCH", "BOSS"):
        client = running.client(who)
        assert "Gerda Other" in client.get(f"/desk/orders/{order}").text, who
        assert client.get(f"/desk/answers/{others}").status_code == 200, who
    for who in ("LEAD1", "BEN"):
        assert running.client(who).get(f"/desk/orders/{order}").status_code == 404, who


def test_nor_by_sql_as_the_desk(running: Running) -> None:
    """Whoever breaks the web app's pages still meets the database: each table shows what its reader may see, and nothing to nobody."""
    seen = "select customer_id from ops.work_orders order by 1"
    expected = {"ANN": ["C1", "C2"], "BEN": [], "CAT": ["C7"], "LEAD1": ["C1", "C2"], "LEAD2": ["C7"], "BRANCH": ["C1", "C2", "C7"], "": []}
    for who, customers in expected.items():
        with as_desk(running.engine, who) as connection:
            assert [row[0] for row in connection.execute(seen)] == customers, who
            personal = "select full_name from pii.customers join raw.customers using (_key, _batch_id) where customer_id = 'C7'"
            assert (connection.execute(personal).fetchall() == [("Gerda Other",)]) is ("C7" in customers)
            for table, of_order in (("ops.work_order_events", "order_id"), ("ops.signals", "order_id"), ("ops.crm_outbox", "order_id")):
                orders = f"select count(*) from {table} where {of_order} not in (select order_id from ops.work_orders)"
                assert connection.execute(orders).fetchone() == (0,), (who, table)
            for table in ("raw.interactions", "raw.survey_responses", "raw.customers"):
                found = {row[0] for row in connection.execute(f"select customer_id from {table}")}
                assert found <= set(customers), (who, table)
            words = {row[0] for row in connection.execute("select verbatim from pii.survey_responses")}
            assert ("The other team let me down" in words) is ("C7" in customers)
    with as_desk(running.engine, "ANN") as connection:
        order = order_of(running.engine, "C7")
        assert connection.execute("update ops.work_orders set owner_employee_id = 'ANN'").rowcount == 2
        connection.rollback()
        connection.execute("select set_config('shopkeeper.employee', 'ANN', false)")
        forged = "insert into ops.work_order_events (order_id, event, actor, occurred_at) values (%s, 'noted', %s, now())"
        own = order_of(running.engine, "C1")
        for order_id, actor in ((order, "ANN"), (own, "LEAD1"), (own, "shopkeeper")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(forged, [order_id, actor])
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("update ops.work_orders set unit_path = '/HQ/B1/T2/', owner_employee_id = 'CAT'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("delete from ops.work_orders")
        connection.rollback()


def test_a_managers_own_login_reads_with_his_eyes_whatever_he_says(running: Running) -> None:
    """A front-line manager's BI tool may set what it likes: the login decides whose part of `frontline` it sees."""
    name = f"manager_{running.engine.url.database}"
    password = roles.create_login(running.engine, name, "frontline_manager", employee_id="LEAD1")
    with running.engine.begin() as connection:
        connection.execute(sa.text("create table frontline.tried (unit_path text, n int)"))
        connection.execute(sa.text("create table frontline.unprotected as select 1 as n"))
        connection.execute(sa.text("insert into frontline.tried values ('/HQ/B1/T1/', 1), ('/HQ/B1/T2/', 2), ('/HQ/B1/', 3)"))
        connection.execute(sa.text("alter table frontline.tried enable row level security"))
        connection.execute(sa.text("create policy own on frontline.tried using (ops.sees_unit(unit_path))"))
        roles.grant_schema(connection, "frontline")
    url = running.engine.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)
    try:
        with connect_raw(url) as connection:
            connection.execute("select set_config('shopkeeper.employee', 'BOSS', false)")
            assert connection.execute("select ops.current_employee(), ops.led_unit()").fetchone() == ("LEAD1", "/HQ/B1/T1/")
            assert connection.execute("select n from frontline.tried").fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("table frontline.unprotected")
    finally:
        with running.engine.begin() as connection:
            connection.execute(sa.text("drop table frontline.tried, frontline.unprotected"))


def test_only_the_trusted_proxy_says_who_one_is(running: Running) -> None:
    """The header counts where a declared proxy itself speaks to us; anybody else may write it, and is a stranger."""
    header = {HEADER: "CAT", "x-forwarded-for": "127.0.0.1"}
    with running.stranger() as client:
        assert client.get("/desk", headers=header).headers["location"] == "./desk/login"
    proxied = desk_of(running.engine, running.folder, proxy_header=HEADER, trusted=networks("127.0.0.1"))
    with proxied as behind_proxy, behind_proxy.stranger() as client:
        order = f"/desk/orders/{order_of(running.engine, 'C7')}"
        shown = client.get(order, headers=header)
        assert "Gerda Other" in shown.text
        assert client.get(order, headers={HEADER: "nobody@brunnenhof.example"}).status_code == 303
        assert client.get(order).status_code == 303
        proof = hidden(shown.text)
        # Its forms are proven like all others: another site's form has no proof, and one of another employee the wrong one.
        assert client.post(f"{order}/note", data={"note": "x"}, headers=header).status_code == 403
        assert client.post(f"{order}/note", data={**proof, "note": "x"}, headers={HEADER: "LEAD2"}).status_code == 403
        assert client.post(f"{order}/note", data={**proof, "note": "x"}, headers=header).status_code == 303


def test_one_who_has_left_is_out_at_once(running: Running) -> None:
    """A session lasts twelve hours; somebody who was dismissed this morning must not read on until tonight."""
    client = running.client("BEN")
    assert client.get("/desk").status_code == 200
    with running.engine.begin() as connection:
        connection.execute(sa.text("update ops.directory set is_here = false where employee_id = 'BEN'"))
    try:
        assert client.get("/desk").status_code == 403
    finally:
        with running.engine.begin() as connection:
            connection.execute(sa.text("update ops.directory set is_here = true where employee_id = 'BEN'"))


@pytest.mark.slow
def test_an_ordinary_owner_sees_all_and_can_back_it_up(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a managed Postgres the pipeline is no superuser, and forced row-level security binds it too: it would find nothing."""
    with make_engine(server.url("postgres")).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("create role plain login createrole password 'plain'"))
        connection.execute(sa.text("create database plain owner plain"))
    url = sa.make_url(server.url("plain")).set(username="plain", password="plain").render_as_string(hide_password=False)
    owner = make_engine(url)
    migrate(owner)
    with owner.begin() as connection:
        absence = "insert into ops.absences (employee_id, from_on, to_on, recorded_by, recorded_at) values ('A', now(), now(), 'A', now())"
        connection.execute(sa.text(absence))
        assert connection.scalar(sa.text("select count(*) from ops.absences")) == 1
        forced = "select count(*) from pg_class where relforcerowsecurity and relname = 'absences'"
        assert connection.scalar(sa.text(forced)) == 1
    monkeypatch.setenv("WAREHOUSE_URL", url)
    backup(tmp_path / "plain.dump", now=NOW)
    owner.dispose()
