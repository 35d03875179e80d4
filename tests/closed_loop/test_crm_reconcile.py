"""What the CRM says back: calls, tasks that were closed or given to somebody else there, and what it has lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from tests.closed_loop.crm_server import TASK, HttpCrm, http_settings, make_folder, make_sql_crm
from tests.survey.people import put
from tests.survey.providers.fakes import reply, serving

from shopkeeper.closed_loop import orders
from shopkeeper.closed_loop.crm.reconcile import reconcile
from shopkeeper.closed_loop.crm.write_back import write_back
from shopkeeper.closed_loop.owners import Owner
from shopkeeper.closed_loop.signals import Signal
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.pipeline.status import status
from shopkeeper.warehouse.embedded import Server

START = datetime(2026, 5, 12, 9, tzinfo=UTC)
LATER = START + timedelta(hours=3)
ANN, BEN = Owner("E1", "T1", "/HQ/T1/"), "E2"
STAFF = """
    insert into ops.directory (employee_id, org_unit_id, unit_path, leads, is_here)
    values ('E1', 'T1', '/HQ/T1/', false, true), ('E2', 'T1', '/HQ/T1/', true, true), ('E3', null, null, false, false)
"""


class World:
    """Work orders, and a CRM that has them as tasks."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder) -> None:
        self.engine, self.folder, self.now = engine, folder, START
        with engine.begin() as connection:
            connection.execute(sa.text(STAFF))

    def open(self, customer_id: str) -> UUID:
        signal = Signal("low_score", "low_score", "response", str(uuid4()), self.now, customer_id=customer_id, score=2)
        with self.engine.begin() as connection:
            return orders.open_order(
                connection,
                signal,
                owner=ANN,
                call_wanted=True,
                due_at=self.now + timedelta(days=1),
                close_due_at=self.now + timedelta(days=7),
                arm=None,
                now=self.now,
            )

    def do(self, function: Any, order_id: UUID, **given: Any) -> None:
        with self.engine.begin() as connection:
            function(connection, order_id, command_id=uuid4(), at=self.now, **given)

    def cycle(self, *, hours: float = 1) -> dict[str, Any]:
        """As close_loop: an hour later, the CRM is told and asked."""
        self.now += timedelta(hours=hours)
        write_back(self.engine, self.folder, now=self.now)
        return reconcile(self.engine, self.folder, now=self.now)

    def order(self, order_id: UUID) -> sa.Row[Any]:
        with self.engine.connect() as connection:
            return connection.execute(sa.text("select * from ops.work_orders where order_id = :id"), {"id": order_id}).one()

    def events(self, event: str) -> list[sa.Row[Any]]:
        query = """
            select events.*, texts.learned, texts.action_taken
            from ops.work_order_events as events left join pii.work_order_texts as texts using (event_id)
            where event = :event order by event_id
        """
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(query), {"event": event}))

    def differences(self) -> dict[str, str]:
        with self.engine.connect() as connection:
            query = sa.text("select external_id, difference from ops.crm_tasks where difference is not null")
            return dict(connection.execute(query).tuples().all())


@pytest.fixture
def crm(server: Server, warehouse_url: str) -> Iterator[sa.Engine]:
    name = f"asked_{sa.make_url(warehouse_url).database}"
    server.create_database(name)
    engine = make_sql_crm(server.url(name))
    yield engine
    engine.dispose()


@pytest.fixture
def world(warehouse: sa.Engine, crm: sa.Engine, tmp_path: Path) -> World:
    url = crm.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return World(warehouse, make_folder(tmp_path / "company", {"kind": "sql", "url": url}, cycle={"attempts": 2}))


def say(crm: sa.Engine, order_id: UUID, **words: Any) -> None:
    """Somebody changes the task in the CRM."""
    sets = ", ".join(f"{name} = :{name}" for name in words)
    with crm.begin() as connection:
        connection.execute(sa.text(f"update shopkeeper_tasks set {sets} where external_id = :id"), {**words, "id": str(order_id)})


def call(attempt_id: str, order_id: object, at: datetime, **more: Any) -> dict[str, Any]:
    return {"attempt_id": attempt_id, "work_order_id": str(order_id), "attempted_at": at, "reached": False, **more}


def test_a_call_recorded_in_the_crm_is_one_attempt_however_often_it_is_read(world: World) -> None:
    # A call that counts twice uses up the customer's second chance; one that is lost makes somebody else call again.
    order_id = world.open("C1")
    put(world.engine, "contact_outcomes", [call("A1", order_id, LATER)])
    put(world.engine, "contact_outcomes", [call("A9", order_id, LATER)], status="landed")  # not judged yet
    assert world.cycle(hours=4)["attempts"] == 1
    said = {"reached": True, "learned": "The claim was paid twice", "action_taken": "Flowers", "action_cost": 25, "employee_id": "E1"}
    put(world.engine, "contact_outcomes", [call("A1", order_id, LATER, updated_at=world.now), call("A2", order_id, world.now, **said)])
    assert [world.cycle()["attempts"] for _ in range(3)] == [1, 0, 0]
    first, second = world.events("attempted")
    assert (first.reached, first.occurred_at, first.actor) == (False, LATER, "crm")
    assert (second.reached, second.learned, second.action_taken) == (True, "The claim was paid twice", "Flowers")
    assert [event.amount for event in world.events("spent")] == [25]
    assert (world.order(order_id).attempts, world.order(order_id).cost, world.differences()) == (2, 25, {})
    put(world.engine, "contact_outcomes", [call("A1", order_id, LATER, reached=True, updated_at=world.now)])
    assert world.cycle() == {"attempts": 0, "followed": 0, "differences": 1}, "the CRM has changed its mind and nobody is told"
    assert "A1 reached the customer, the CRM says now" in world.differences()[str(order_id)]


def test_a_call_that_belongs_nowhere_is_reported(world: World) -> None:
    # Without it somebody believes that the customer was called, and nobody learns what was said.
    order_id = world.open("C1")
    put(
        world.engine,
        "contact_outcomes",
        [call("A1", "TASK-4711", LATER), call("A2", order_id, START + timedelta(days=9)), call("A3", order_id, LATER, reached=None)],
    )
    assert world.cycle(hours=4) == {"attempts": 0, "followed": 0, "differences": 2}
    assert "A1 was not recorded: there is no such order" in world.differences()["TASK-4711"]
    assert "A2 was not recorded: it lies in the future" in world.differences()[str(order_id)]
    assert {one.external_id for one in status(world.engine, world.now).crm_differences} == {"TASK-4711", str(order_id)}
    assert world.cycle(hours=24 * 10)["attempts"] == 1, "the future has come"


def test_what_is_decided_in_the_crm_is_done_here_once(world: World, crm: sa.Engine) -> None:
    # Whoever works in the CRM must not have to do everything twice; and what is decided later, here or there, must stand.
    order_id = world.open("C1")
    world.cycle()
    say(crm, order_id, crm_owner_employee_id=BEN, crm_changed_at=world.now)
    assert world.cycle()["followed"] == 1
    assert world.order(order_id).owner_employee_id == BEN
    world.do(orders.assign, order_id, actor=BEN, to="E1", reason="handover")  # and back again, on the desk
    assert [world.cycle()["followed"] for _ in range(2)] == [0, 0]
    assert world.order(order_id).owner_employee_id == "E1"

    say(crm, order_id, crm_state="closed", crm_close_reason=None, crm_owner_employee_id=None, crm_changed_at=world.now)
    assert world.cycle()["followed"] == 0
    assert "the customer was never reached" in world.differences()[str(order_id)]
    put(world.engine, "contact_outcomes", [call("A1", order_id, world.now, reached=True)])
    assert world.cycle() == {"attempts": 1, "followed": 1, "differences": 0}
    closed = world.order(order_id)
    assert (closed.state, closed.close_reason) == ("closed", "resolved")
    assert [event.actor for event in world.events("closed")] == ["crm"]
    world.do(orders.reopen, order_id, folder=world.folder, actor=BEN, reason="not_solved")
    assert world.cycle()["followed"] == 0, "the older word closes it again"
    assert world.cycle()["differences"] == 0
    with crm.connect() as connection:
        assert connection.execute(sa.text("select state, owner_employee_id from shopkeeper_tasks")).one() == ("open", "E1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"crm_owner_employee_id": "E3"}, "given to E3 in the CRM: cannot be given to E3"),
        ({"crm_state": "closed", "crm_close_reason": "done"}, "closed as done in the CRM: is none of the codes"),
        ({"crm_state": "closed", "crm_close_reason": "not_pursued"}, "may not decide that it is not pursued"),
    ],
)
def test_what_cannot_be_followed_is_a_difference(world: World, crm: sa.Engine, words: dict[str, Any], says: str) -> None:
    order_id = world.open("C1")
    world.cycle()
    say(crm, order_id, **words)
    assert world.cycle()["differences"] == 1
    assert "does not say when" in world.differences()[str(order_id)]
    say(crm, order_id, crm_changed_at=world.now)
    assert [world.cycle()["differences"] for _ in range(2)] == [1, 1]
    assert says in world.differences()[str(order_id)]
    say(crm, order_id, crm_owner_employee_id=None, crm_state=None, crm_close_reason=None)
    assert world.cycle()["differences"] == 0
    assert world.order(order_id).state == "open"


def test_a_task_that_the_crm_has_lost_or_altered_is_sent_once_more(world: World, crm: sa.Engine) -> None:
    # A CRM that was restored from a backup has lost tasks; their customers would never be called.
    lost, altered = world.open("C1"), world.open("C2")
    world.cycle()
    with crm.begin() as connection:
        connection.execute(sa.text("delete from shopkeeper_tasks where external_id = :id"), {"id": str(lost)})
    say(crm, altered, state="closed")
    assert world.cycle()["differences"] == 2
    assert world.differences()[str(lost)] == "the CRM has it no more"
    assert world.differences()[str(altered)] == "its task says closed and E1, the order open and E1"
    assert world.cycle()["differences"] == 0
    with crm.connect() as connection:
        assert connection.execute(sa.text("select state from shopkeeper_tasks")).scalars().all() == ["open", "open"]


def test_a_crm_behind_an_api_is_asked_too(warehouse: sa.Engine, tmp_path: Path) -> None:
    crm = HttpCrm()
    with serving(crm) as url:
        world = World(warehouse, make_folder(tmp_path / "company", http_settings(url)))
        order_ids = [world.open(f"C{number}") for number in range(60)]  # more than are asked for at a time
        world.cycle()
        task = crm.records[TASK][str(order_ids[7])]
        task |= {"crm_owner_employee_id": BEN, "crm_changed_at": world.now.isoformat()}
        assert world.cycle() == {"attempts": 0, "followed": 1, "differences": 0}
        assert world.order(order_ids[7]).owner_employee_id == BEN
        world.cycle()
        assert task["owner_employee_id"] == BEN
        crm.before, crm.asked = [lambda answer: reply({}, 429, retry_after="7200")], 0
        assert [world.cycle()["differences"] for _ in range(2)] == [0, 0]
        assert crm.asked == 1, "it was asked again before the pause was over"
        crm.before = [lambda answer: reply({"tasks": []})]
        with pytest.raises(ShopkeeperError, match="cannot be read"):
            world.cycle()
