"""Databases as sources: PostgreSQL, MariaDB and SQLite, with the types that each has of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from tests.sources.conftest import NOW
from tests.survey.mail_server import dead_port

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.sources.ingest import Interval, ingest
from shopkeeper.warehouse.embedded import Server

Folder = Callable[..., CompanyFolder]
Rows = Callable[[str], list[dict[str, Any]]]
MARIADB = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/libexec")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    """URL of a MariaDB of its own, on the loopback, run by an ordinary user."""
    if MARIADB is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server): MySQL sources are NOT tested here")
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-mariadb-"))
    folder.chmod(0o755)
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        shutil.chown(folder, entry.pw_uid, entry.pw_gid)
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
    subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **user,
    )  # fmt: skip
    port = free_port()
    options = [f"--socket={folder}/sock", f"--pid-file={folder}/pid", "--bind-address=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(
        [MARIADB, *common, *options, "--innodb-buffer-pool-size=32M"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **user,
    )  # fmt: skip
    try:
        for _ in range(150):
            try:
                root = pymysql.connect(unix_socket=f"{folder}/sock", user="root")
                break
            except pymysql.err.OperationalError:
                time.sleep(0.2)
        with root, root.cursor() as cursor:
            cursor.execute("create database crm character set utf8mb4")
            cursor.execute("create user reader@'127.0.0.1' identified by 'not-a-secret'")
            cursor.execute("grant all on crm.* to reader@'127.0.0.1'")
        yield f"mysql://reader:not-a-secret@127.0.0.1:{port}/crm"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


@pytest.fixture
def postgres(server: Server, tmp_path: Path) -> str:
    """URL of an empty source database."""
    name = f"source_{os.getpid()}_{abs(hash(tmp_path))}"
    server.create_database(name)
    return server.url(name)


def run(url: str, *statements: str) -> None:
    drivers = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
    engine = sa.create_engine(sa.make_url(url).set(drivername=drivers[url.split(":", maxsplit=1)[0]]))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


CREATE = {
    "postgresql": """
        create table "Contacts" (
            "Contact Id" integer, customer_id varchar(20), happened timestamp, closed timestamptz,
            amount numeric(12, 4), rate double precision, flag boolean, doc jsonb, bytes bytea, word text, changed timestamptz, tags text[]
        )
    """,
    "mysql": """
        create table `Contacts` (
            `Contact Id` int, customer_id varchar(20), happened datetime(3), closed timestamp null,
            amount decimal(12, 4), rate double, flag bit(1), doc json, bytes varbinary(10), word text, changed timestamp null, tags text
        )
    """,
    "sqlite": """
        create table "Contacts" (
            "Contact Id" integer, customer_id text, happened text, closed text, amount real, rate real,
            flag integer, doc text, bytes blob, word text, changed text, tags text
        )
    """,
}
INSERT = {
    "postgresql": """
        insert into "Contacts" values
            (1, 'C1', '2026-03-29 02:30', '2026-01-05 10:00+00',
             12.5, 1e20, true, '{"a": 1}', '\\x00ff', E'back\\\\slash\\ttab\\nline', '2026-01-10', '{x,y}'),
            (2, 'C2', '2026-01-05 10:00:00.25', null, null, 'NaN', false, null, null, '', '2026-01-20', null),
            (3, 'C3', 'infinity', null, null, null, null, null, null, null, '2026-01-20', null)
    """,
    "mysql": """
        insert into `Contacts` values
            (1, 'C1', '2026-03-29 02:30', '2026-01-05 10:00',
             12.5, 1e20, 1, '{"a": 1}', x'00ff', 'back\\\\slash\\ttab\\nline', '2026-01-10', 'x,y'),
            (2, 'C2', '2026-01-05 10:00:00.25', null, null, null, 0, null, null, '', '2026-01-20', null),
            (3, 'C3', null, null, null, null, null, null, null, null, '2026-01-20', null)
    """,
    "sqlite": """
        insert into "Contacts" values
            (1, 'C1', '2026-03-29 02:30', '2026-01-05T10:00:00Z', 12.5, 1e20, 1, '{"a": 1}', x'00ff', 'back\\slash	tab
line', '2026-01-10', 'x,y'),
            (2, 'C2', '2026-01-05 10:00:00.250', null, null, null, 0, null, null, '', '2026-01-20', null),
            (3, 'C3', 'infinity', null, null, null, null, null, null, null, '2026-01-20', null)
    """,
}
MAPPING = {
    "table": "Contacts",
    "columns": {
        "interaction_id": "Contact Id", "occurred_at": "happened", "resolved_at": "closed", "channel": "word", "updated_at": "changed"
    },
    "attributes": {"flag": "flag", "rate": "rate"},
    "ignore": ["tags"],
}  # fmt: skip


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a source with the table of contacts, in each kind of database."""
    kind = request.param
    fixtures = {"postgresql": "postgres", "mysql": "mariadb"}
    url = str(request.getfixturevalue(fixtures[kind])) if kind in fixtures else f"sqlite:///{tmp_path / 'crm.db'}"
    if kind == "mysql":
        run(url, "set time_zone = '+00:00'", "drop table if exists `Contacts`", CREATE[kind], "set time_zone = '+00:00'", INSERT[kind])
    else:
        run(url, CREATE[kind], INSERT[kind].replace("%", "%%"))
    return url


def crm(make_folder: Folder, url: str, **mapping: Any) -> CompanyFolder:
    mapping = mapping if "query" in mapping else {**MAPPING, **mapping}
    return make_folder(crm={"connection": url, "timezone": "Europe/Berlin", "entities": {"interactions": mapping}})


def test_values_of_every_type(source: str, make_folder: Folder, rows: Rows) -> None:
    (batch,) = ingest(crm(make_folder, source), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (3, 2, 1)  # 'infinity', or no time at all
    first, second = rows("select * from raw.interactions order by interaction_id")
    assert (first["interaction_id"], first["customer_id"], first["channel"]) == ("1", "C1", "back\\slash\ttab\nline")
    assert first["occurred_at"] == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # naive, in the hour that DST skips
    assert first["resolved_at"] == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert Decimal(first["attributes"]["rate"]) == Decimal("1e20")
    assert [row["attributes"]["flag"] in {"t", "true", "1"} for row in (first, second)] == [True, False]
    assert second["occurred_at"] == datetime(2026, 1, 5, 9, 0, 0, 250_000, tzinfo=UTC)
    assert (second["channel"], second["resolved_at"]) == (None, None)
    extra = next(row["extra"] for row in rows("select extra from pii.interactions") if row["extra"])
    assert (Decimal(extra["amount"]), extra["bytes"], extra["doc"].replace(" ", "")) == (Decimal("12.5"), "\\x00ff", '{"a":1}')
    assert "tags" not in extra
    assert ingest(crm(make_folder, source), now=NOW + timedelta(days=1))[0].unchanged == 2


def test_a_decimal_comma_in_a_database_is_about_its_texts_only(source: str, make_folder: Folder, rows: Rows) -> None:
    # 12.5000 as a number must not become 125000 because the texts of that source write a comma.
    url = source
    run(url, "create table postings (id integer, customer text, booked date, amount numeric(10, 3), cost text)",
        "insert into postings values (1, 'C1', '2026-01-05', 1.234, '1.234,50')")  # fmt: skip
    mapping = {
        "table": "postings",
        "decimal_comma": True,
        "columns": {"revenue_id": "id", "customer_id": "customer", "booked_on": "booked", "direct_cost": "cost"},
    }
    try:
        ingest(make_folder(finance={"connection": url, "entities": {"revenue": mapping}}), now=NOW)
    finally:
        run(url, "drop table postings")
    (row,) = rows("select amount, direct_cost, booked_on from raw.revenue")
    assert tuple(row.values()) == (Decimal("1.2340"), Decimal("1234.5000"), date(2026, 1, 5))


QUERY = """
    select "Contact Id" as interaction_id, customer_id, happened as occurred_at, changed as updated_at, '10:30' as word,
        '100%' as share -- the end
    from "Contacts"
    where changed > :window_start and changed <= :window_end;
"""


@pytest.mark.parametrize("how", ["cursor", "query"])
def test_windows(source: str, make_folder: Folder, how: str) -> None:
    query = QUERY.replace('"', "`") if source.startswith("mysql") else QUERY
    mapping = {"query": query} if how == "query" else {"cursor": "updated_at"}
    folder = crm(make_folder, source, **mapping, overlap_hours=0)
    middle = datetime(2026, 1, 15, tzinfo=UTC)
    (batch,) = ingest(folder, interval=Interval(datetime(2026, 1, 14, tzinfo=UTC), middle), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.interval_end) == (1, 1, middle)
    (batch,) = ingest(folder, now=NOW)
    assert (batch.rows_in, batch.interval_start) == (2, middle)
    (batch,) = ingest(folder, interval=Interval(datetime(2026, 1, 5, tzinfo=UTC), middle), now=NOW)
    assert (batch.kind, batch.unchanged) == ("backfill", 1)


def test_a_window_ends_at_the_second_in_every_zone(source: str, make_folder: Folder) -> None:
    # The cursor is naive here, in the source's zone: compared as UTC the window would be an hour off.
    folder = crm(make_folder, source, cursor="occurred_at", overlap_hours=0)
    moment = datetime(2026, 1, 5, 9, 0, 0, 250_000, tzinfo=UTC)
    (batch,) = ingest(folder, interval=Interval(moment - timedelta(days=1), moment - timedelta(seconds=1)), now=NOW)
    assert batch.accepted == 0
    (batch,) = ingest(folder, interval=Interval(moment - timedelta(seconds=1), moment), now=NOW)
    assert batch.accepted == 1
    (batch,) = ingest(folder, interval=Interval(moment, moment + timedelta(days=1)), now=NOW)
    assert batch.accepted == 0


def test_times_of_a_postgres_that_no_calendar_has(postgres: str, make_folder: Folder, rows: Rows) -> None:
    # Its own texts are believed without a shape check, but not infinities, far years and years before Christ.
    moments = ["infinity", "-infinity", "20260-01-05", "1899-12-31 23:00", "1999-01-05 BC", "2200-01-02", "2026-10-25 02:30", "2026-01-05"]
    values = ", ".join(f"({i}, 'C{i}', '{moment}', '{moment}', '{moment}')" for i, moment in enumerate(moments))
    run(
        postgres,
        "create table t (revenue_id integer, customer_id text, booked_on date, updated_at timestamptz, at timestamp)",
        "alter table t add column amount integer default 1",
        f"insert into t (revenue_id, customer_id, booked_on, updated_at, at) values {values}",
        "create table i (interaction_id integer, customer_id text, occurred_at timestamp)",
        "insert into i select revenue_id, customer_id, at from t",
    )
    entities = {"revenue": {"table": "t"}, "interactions": {"table": "i"}}
    loaded = ingest(make_folder(crm={"connection": postgres, "timezone": "Europe/Berlin", "entities": entities}), now=NOW)
    assert [(batch.rows_in, batch.accepted) for batch in loaded] == [(8, 2), (8, 2)]
    assert [row["occurred_at"] for row in rows("select occurred_at from raw.interactions order by interaction_id")] == [
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 1, 4, 23, tzinfo=UTC),
    ]
    assert [row["booked_on"] for row in rows("select booked_on from raw.revenue order by revenue_id")] == [
        date(2026, 10, 25),
        date(2026, 1, 5),
    ]
    reasons = rows("select distinct reason from rejected.rows order by 1")
    assert {row["reason"] for row in reasons} <= {
        f"is no {what} {why}" for what in ("date", "time") for why in ("of the calendar from 1900 to 2199", "(year first)")
    }


def test_unknown_tables_columns_and_syntax_are_named(source: str, make_folder: Folder, rows: Rows) -> None:
    place = "sources.yml › crm › entities › interactions"
    for mapping, message in (
        ({"table": "Kontakte"}, f"{place} › table: the source has no table Kontakte"),
        ({"columns": {**MAPPING["columns"], "channel": "words"}}, f"{place} › columns › channel: the source has no column words"),
        ({"query": "select 1 as one from nowhere"}, f"{place}: the source has no such table"),
        ({"query": "select 1 as x frm where"}, f"{place}: "),
        ({"cursor": "updated_at", "columns": {**MAPPING["columns"], "updated_at": "altered"}}, f"{place}: the source has no such column"),
    ):
        with pytest.raises(ShopkeeperError) as failed:
            ingest(crm(make_folder, source, **mapping), now=NOW)
        assert str(failed.value).startswith(message)
        assert len(failed.value.problems) == 1
    assert rows("select count(*) from ops.batches") == [{"count": 0}]


def test_wrong_password_host_and_database(mariadb: str, postgres: str, make_folder: Folder, warehouse: sa.Engine) -> None:
    for url in (mariadb, postgres):
        for wrong, message in (
            ({"password": "hunter2-wrong"}, "the login is refused"),
            ({"database": "no_such_database"}, "refused|no such database"),
            ({"port": dead_port()}, "cannot be reached"),
        ):
            text = sa.make_url(url).set(**wrong).render_as_string(hide_password=False)
            with pytest.raises(ShopkeeperError, match=message) as failed:
                ingest(crm(make_folder, text), now=NOW)
            assert "hunter2" not in str(failed.value)
            assert "sources.yml › crm › entities › interactions" in str(failed.value)


def test_an_unknown_driver_is_named(make_folder: Folder, warehouse: sa.Engine) -> None:
    with pytest.raises(ShopkeeperError, match="there is no driver for oracle"):
        ingest(crm(make_folder, "oracle://u:p@h/d"), now=NOW)


def test_a_column_dropped_at_the_source(postgres: str, make_folder: Folder, rows: Rows) -> None:
    run(postgres, CREATE["postgresql"], INSERT["postgresql"])
    ingest(crm(make_folder, postgres), now=NOW)
    run(postgres, 'alter table "Contacts" drop column word')
    (batch,) = ingest(crm(make_folder, postgres), now=NOW + timedelta(days=1))
    assert (batch.details["columns_dropped"], batch.rejected) == (["word"], 1)
    assert rows(f"select channel from raw.interactions where _batch_id = {batch.batch_id} and interaction_id = '1'") == [{"channel": None}]
    run(postgres, 'alter table "Contacts" drop column customer_id')
    with pytest.raises(ShopkeeperError, match="the source has dropped its column customer_id, which is required"):
        ingest(crm(make_folder, postgres), now=NOW + timedelta(days=2))


def test_nothing_can_be_written_to_a_postgres_source(postgres: str, make_folder: Folder, warehouse: sa.Engine) -> None:
    run(postgres, CREATE["postgresql"])
    run(postgres, """create function empty() returns integer language sql as 'delete from "Contacts"; select 1'""")
    with pytest.raises(ShopkeeperError, match="the source's database gave up: ReadOnlySqlTransaction"):
        ingest(crm(make_folder, postgres, query="select empty() as interaction_id"), now=NOW)


def test_files_are_joined_and_their_bad_lines_are_not_lost(make_folder: Folder, tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "orders.csv").write_text("order_id,customer,bought\n1,C1,2026-01-05 10:00\n2,C2,NA\n3,C3\n4,C4,2026-01-06\n")
    (tmp_path / "customers-1.csv").write_text("customer,person\nC1,P1\n")
    (tmp_path / "customers-2.csv").write_text("customer,person,city\nC4,P4,Bonn\n")
    folder = make_folder(
        shop={
            "files": {
                "orders": {"path": str(tmp_path / "orders.csv"), "missing": ["", "NA"]},
                "buyers": {"path": str(tmp_path / "customers-*.csv")},
            },
            "entities": {
                "interactions": {
                    "query": "select order_id as interaction_id, coalesce(person, orders.customer) as customer_id,"
                    " bought as occurred_at, city from orders left join buyers using (customer)"
                },
                "customers": {"query": "select person as customer_id, '2020-01-01' as joined_on from buyers"},
            },
        }
    )
    customers, interactions = ingest(folder, now=NOW)
    assert (customers.entity, customers.accepted, customers.rejected) == ("customers", 2, 0)
    assert (interactions.rows_in, interactions.accepted, interactions.rejected) == (4, 2, 2)
    found = rows("select file, row_number, column_name, reason from rejected.rows order by row_number")
    assert [tuple(row.values()) for row in found] == [
        (None, 2, "occurred_at", "is missing"),
        ("orders.csv", 3, None, "has 2 cells where the header has 3"),
    ]
    assert [row["customer_id"] for row in rows("select customer_id from raw.interactions order by 1")] == ["P1", "P4"]


def test_a_missing_joined_file_is_told_once(make_folder: Folder, tmp_path: Path, warehouse: sa.Engine) -> None:
    entities = {"customers": {"query": "select 1 from orders"}, "products": {"query": "select 1 from orders"}}
    folder = make_folder(shop={"files": {"orders": {"path": str(tmp_path / "none.csv")}}, "entities": entities})
    with pytest.raises(ShopkeeperError) as failed:
        ingest(folder, now=NOW)
    assert [problem.where for problem in failed.value.problems] == ["sources.yml › shop › files › orders › path"]
