"""What the CRM is told: everything, under our key, the newest word last; whatever fails on the way."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.closed_loop.crm_server import CUSTOMER, ORDER, TASK, HttpCrm, http_settings, make_folder, make_sql_crm
from tests.survey.providers.fakes import Reply, reply, serving

from shopkeeper.closed_loop.crm import outbox
from shopkeeper.closed_loop.crm.adapter import Record, connect
from shopkeeper.closed_loop.crm.write_back import write_back
from shopkeeper.company.closed_loop import Crm
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.embedded import Server

START = datetime(2026, 5, 12, 9, tzinfo=UTC)
VERBATIM = "Nobody called me back, said Herta Quandt"


def say(engine: sa.Engine, number: int, now: datetime, **content: Any) -> None:
    """A work order has changed: its task is to hold this."""
    usual = {
        "customer_id": f"C{number}",
        "reason": "low_score",
        "state": "open",
        "is_call_wanted": True,
        "attempts": 0,
        "opened_at": START.isoformat(),
    }
    order = ORDER.format(number)
    with engine.begin() as connection:
        outbox.put(connection, "task", order, customer_id=f"C{number}", content={**usual, **content}, order_id=UUID(order), now=now)


def score(customer: str, value: int, answered_at: datetime) -> outbox.Score:
    key = UUID(int=value)
    return outbox.Score(customer, key, value, "0-10", "detractor" if value < 7 else "promoter", "relationship", answered_at)


def rows(engine: sa.Engine, query: str, **given: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query), given).mappings()]


@pytest.fixture
def http() -> Iterator[tuple[HttpCrm, str]]:
    crm = HttpCrm()
    with serving(crm) as url:
        yield crm, url


@pytest.fixture
def sql(server: Server, warehouse_url: str) -> Iterator[tuple[sa.Engine, str]]:
    name = f"crm_of_{sa.make_url(warehouse_url).database}"
    server.create_database(name)
    engine = make_sql_crm(server.url(name))
    yield engine, server.url(name)
    engine.dispose()


def test_a_table_of_the_crm_holds_what_was_said_last(warehouse: sa.Engine, sql: tuple[sa.Engine, str], tmp_path: Path) -> None:
    # A task that exists twice is called about twice; one that still says "open" after the call annoys the customer once more.
    crm, url = sql
    folder = make_folder(tmp_path / "company", {"kind": "sql", "url": url})
    for number in range(450):  # more than one transaction of the CRM
        say(warehouse, number, START)
    say(warehouse, 7, START, attempts=1)
    with warehouse.begin() as connection:
        outbox.put_scores(connection, [score("C7", 3, START), score("C7", 9, START - timedelta(days=90)), score("C8", 10, START)], START)
        assert outbox.put_scores(connection, [score("C7", 2, START - timedelta(days=1))], START) == 0, "an old answer came in late"
    assert write_back(warehouse, folder, now=START) == {"written": 452, "not_taken": 0, "waiting": 0}
    say(warehouse, 7, START, attempts=1)  # nothing new
    assert write_back(warehouse, folder, now=START)["written"] == 0
    say(warehouse, 7, START, attempts=2, state="closed", close_reason="resolved", closed_at=START.isoformat())
    assert write_back(warehouse, folder, now=START)["written"] == 1

    tasks = {row["external_id"]: row for row in rows(crm, "select * from shopkeeper_tasks")}
    assert len(tasks) == 450
    seventh = tasks[ORDER.format(7)]
    assert (seventh["state"], seventh["attempts"], seventh["closed_at"]) == ("closed", 2, START)
    assert seventh["link"].endswith(f"/desk/orders/{ORDER.format(7)}")
    scores = {row["external_id"]: (row["score"], row["band"], row["answered_at"]) for row in rows(crm, "select * from shopkeeper_scores")}
    assert scores == {"C7": (3, "detractor", START), "C8": (10, "promoter", START)}
    skipped = rows(warehouse, "select skipped_for from ops.crm_outbox where external_id = :id order by entry_id", id=ORDER.format(7))
    assert [row["skipped_for"] is not None for row in skipped] == [True, False, False]


def test_an_older_word_that_arrives_late_changes_nothing(sql: tuple[sa.Engine, str], tmp_path: Path) -> None:
    # A run that was killed may still be heard by the CRM's database after the next run has said more.
    crm, url = sql
    adapter = connect(Crm(kind="sql", url=url))
    usual = {"customer_id": "C1", "reason": "low_score", "is_call_wanted": True, "attempts": 1, "opened_at": START.isoformat()}
    for version, state in ((1, "open"), (7, "closed"), (6, "open")):
        adapter.write("task", [Record("task", ORDER.format(1), version, "https://desk.example", {**usual, "state": state})])
    assert rows(crm, "select version, state from shopkeeper_tasks") == [{"version": 7, "state": "closed"}]


def test_one_record_that_the_crm_refuses_holds_up_no_other(warehouse: sa.Engine, sql: tuple[sa.Engine, str], tmp_path: Path) -> None:
    # One customer whom the CRM does not know must not keep everybody else's call-backs from the people who make them.
    crm, url = sql
    with crm.begin() as connection:
        connection.execute(sa.text("alter table shopkeeper_tasks add constraint known check (customer_id <> 'C3')"))
    folder = make_folder(tmp_path / "company", {"kind": "sql", "url": url})
    for number in range(6):
        say(warehouse, number, START)
    assert write_back(warehouse, folder, now=START) == {"written": 5, "not_taken": 1, "waiting": 1}
    assert write_back(warehouse, folder, now=START) == {"written": 0, "not_taken": 0, "waiting": 1}, "it waits a while"
    (left,) = rows(warehouse, "select external_id, problem from ops.crm_outbox where done_at is null")
    assert left["external_id"] == ORDER.format(3)
    assert "refused" in left["problem"]
    assert "C3" not in left["problem"]
    with crm.begin() as connection:
        connection.execute(sa.text("alter table shopkeeper_tasks drop constraint known"))
    assert write_back(warehouse, folder, now=START + timedelta(minutes=1)) == {"written": 1, "not_taken": 0, "waiting": 0}


@pytest.mark.parametrize("kind", ["sql", "rest"])
def test_a_crm_that_is_down_for_an_hour_loses_nothing(
    warehouse: sa.Engine, server: Server, warehouse_url: str, tmp_path: Path, kind: str
) -> None:
    # The CRM is restarted while people go on answering. Every order must be there afterwards, once, as it stands by then.
    crm = HttpCrm()
    with serving(crm) as url:
        pass  # it has gone down
    name = f"later_{sa.make_url(warehouse_url).database}"
    away = http_settings(url) if kind == "rest" else {"kind": "sql", "url": server.url(name)}
    folder, now = make_folder(tmp_path / "company", away), START
    for minute in range(0, 60, 5):
        now = START + timedelta(minutes=minute)
        say(warehouse, minute // 10, now, attempts=minute)
        with pytest.raises(ShopkeeperError) as down:
            write_back(warehouse, folder, now=now)
        assert "closed_loop.yml › crm" in str(down.value)
        assert "crm_secret" not in str(down.value)
    if kind == "sql":
        server.create_database(name)
        engine = make_sql_crm(server.url(name))
        assert write_back(warehouse, folder, now=now)["written"] == 6
        told = {row["external_id"]: row["attempts"] for row in rows(engine, "select * from shopkeeper_tasks")}
        engine.dispose()
    else:
        with serving(crm) as url:
            assert write_back(warehouse, make_folder(tmp_path / "company", http_settings(url)), now=now)["written"] == 6
        told = {key: task["attempts"] for key, task in crm.records[TASK].items()}
        assert len(crm.puts) == 6, "older entries were sent beside the newest"
    assert told == {ORDER.format(number): 10 * number + 5 for number in range(6)}


def test_a_pause_that_the_crm_asks_for_is_kept(warehouse: sa.Engine, http: tuple[HttpCrm, str], tmp_path: Path) -> None:
    # A CRM that says "come back in 15 minutes" and is asked every minute shuts us out for a day.
    crm, url = http
    folder = make_folder(tmp_path / "company", http_settings(url))
    for number in range(3):
        say(warehouse, number, START)
    crm.before = [lambda answer: answer(), lambda answer: reply({}, 429, retry_after="900")]
    assert write_back(warehouse, folder, now=START) == {"written": 1, "not_taken": 0, "waiting": 2}
    say(warehouse, 9, START)
    said = write_back(warehouse, folder, now=START + timedelta(minutes=14))
    assert "asked for a pause until 2026-05-12 09:15 UTC" in said["why_nothing"]
    assert crm.asked == 2
    assert write_back(warehouse, folder, now=START + timedelta(minutes=15))["written"] == 3


@pytest.mark.parametrize(("status", "says"), [(401, "does not let us in"), (404, "knows no PUT below tasks"), (302, "knows no PUT")])
def test_what_is_set_up_wrongly_is_said(warehouse: sa.Engine, http: tuple[HttpCrm, str], tmp_path: Path, status: int, says: str) -> None:
    crm, url = http
    say(warehouse, 1, START)
    crm.before = [lambda answer: reply({}, status, location="/login")]
    with pytest.raises(ShopkeeperError, match=says) as error:
        write_back(warehouse, make_folder(tmp_path / "company", http_settings(url)), now=START)
    assert url not in str(error.value)
    assert "crm_secret" not in str(error.value)
    (left,) = rows(warehouse, "select done_at, problem from ops.crm_outbox")
    assert left["done_at"] is None
    assert says in left["problem"]


def test_without_a_crm_entries_wait_for_one(warehouse: sa.Engine, http: tuple[HttpCrm, str], tmp_path: Path) -> None:
    crm, url = http
    say(warehouse, 1, START)
    assert "no CRM" in write_back(warehouse, make_folder(tmp_path / "company", None), now=START)["why_nothing"]
    assert write_back(warehouse, make_folder(tmp_path / "company", http_settings(url)), now=START)["written"] == 1
    assert list(crm.records[TASK]) == [ORDER.format(1)]


Fault = Callable[[Callable[[], Reply]], Reply | None]


def _taken_and_cut(answer: Callable[[], Reply]) -> None:
    answer()


def _taken_and_failed(answer: Callable[[], Reply]) -> Reply:
    answer()
    return reply({}, 500)


FAULTS: tuple[Fault, ...] = (
    _taken_and_cut,
    _taken_and_failed,
    lambda answer: None,
    lambda answer: reply({}, 500),
    lambda answer: reply({}, 422),
    lambda answer: reply({}, 503),
    lambda answer: reply({}, 429, retry_after="300"),
    lambda answer: reply({}, 503, retry_after="60"),
    *(8 * (lambda answer: answer(),)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whatever_fails_each_record_ends_as_it_was_said_last(
    warehouse: sa.Engine, http: tuple[HttpCrm, str], tmp_path: Path, seed: int
) -> None:
    # Answers that never arrive, failures after the record was taken, pauses: no task twice, none lost, none back to an older word.
    crm, url = http
    folder = make_folder(tmp_path / "company", http_settings(url))
    chance, now, said = random.Random(seed), START, dict[str, int]()
    crm.records, crm.puts, crm.before = {TASK: {}, CUSTOMER: {}}, [], []
    crm.created.clear()
    with warehouse.begin() as connection:
        connection.execute(sa.text("truncate ops.crm_outbox, ops.crm_pause"))
    for step in itertools.count(1):
        number = chance.randrange(5)
        say(warehouse, number, now, attempts=step)
        said[ORDER.format(number)] = step
        if chance.random() < 0.5:
            crm.before = chance.choices(FAULTS, k=4)
            with suppress(ShopkeeperError):
                write_back(warehouse, folder, now=now)
        now += timedelta(minutes=chance.choice((1, 7)))
        if step == 25:
            break
    crm.before = []
    assert write_back(warehouse, folder, now=now + timedelta(days=2))["waiting"] == 0
    assert {key: task["attempts"] for key, task in crm.records[TASK].items()} == said
    assert set(crm.created.values()) == {1}
    for key in said:
        versions = [version for _, external_id, version in crm.puts if external_id == key]
        assert versions == sorted(versions), "an older word was sent after a newer one"


def test_nothing_that_a_customer_wrote_goes_to_the_crm(warehouse: sa.Engine, http: tuple[HttpCrm, str], tmp_path: Path) -> None:
    # A CRM has more readers than the desk, and nobody erases there what is erased here.
    crm, url = http
    say(warehouse, 1, START, verbatim=VERBATIM)  # even if somebody puts it there
    write_back(warehouse, make_folder(tmp_path / "company", http_settings(url)), now=START)
    assert VERBATIM not in json.dumps(crm.records)
