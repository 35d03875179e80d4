"""The life of a work order: who acts, when, how often, and what it may cost; and that each thing happens once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from tests.closed_loop.loop_world import NOW, a_company, answer, land, messages, people, rows, run
from tests.survey.people import customer, employee, put

from shopkeeper.closed_loop import events, orders
from shopkeeper.closed_loop.cycle import keep_time
from shopkeeper.closed_loop.directory import refresh
from shopkeeper.closed_loop.packet import Order, order_of, packet
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ESCALATIONS = {
    "nobody_called": {"when": "no_attempt", "after_hours": 4},
    "still_open": {"when": "not_closed", "after_hours": 24, "to": "supervisors_supervisor"},
}


class World:
    """A company with one order: C1, served by ANN, gave a 2 on Tuesday morning."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self.engine, self.path = engine, path
        self.folder = self.configure()
        people(engine)

    def configure(self, **loop: Any) -> CompanyFolder:
        self.folder = a_company(self.path, **{"escalations": ESCALATIONS, "cycle": {"approval_above": 50}, **loop})
        return self.folder

    def noticed(self, *answers: dict[str, Any]) -> UUID:
        """The order of the customer of the last of these answers."""
        answers = answers or (answer("A1", 2),)
        land(self.engine, *answers)
        run(self.engine, self.folder)
        ((found,),) = rows(
            self.engine, "select order_id from ops.work_orders where customer_id = :it and state = 'open'", it=answers[-1]["customer_id"]
        )
        assert isinstance(found, UUID)
        return found

    def do(self, act: Callable[..., None], order_id: UUID, at: datetime, *, actor: str = "ANN", twice: bool = True, **given: Any) -> None:
        """Ask for something, as whoever presses a button twice does."""
        if act in (orders.attempt, orders.reopen, orders.spend):
            given["folder"] = self.folder
        command_id = uuid4()
        for _ in range(2 if twice else 1):
            with self.engine.begin() as connection:
                act(connection, order_id, command_id=command_id, actor=actor, at=at, **given)

    def keep(self, now: datetime) -> dict[str, Any]:
        return keep_time(self.engine, self.folder, now=now)

    def order(self, order_id: UUID) -> Order:
        with self.engine.connect() as connection:
            return order_of(connection, order_id)

    def happened(self, order_id: UUID, event: str | None = None) -> list[tuple[Any, ...]]:
        query = "select event, coalesce(employee_id, reason) from ops.work_order_events where order_id = :id"
        return rows(self.engine, f"{query} and event = coalesce(:event, event) order by event_id", id=order_id, event=event)


@pytest.fixture
def world(warehouse: sa.Engine, tmp_path: Path) -> Iterator[World]:
    world = World(warehouse, tmp_path / "company")
    yield world
    with warehouse.connect() as connection:
        assert events.contradictions(connection) == [], "an order says something else than its events"


@contextmanager
def refused(what: str) -> Iterator[None]:
    with pytest.raises(ShopkeeperError, match=what):
        yield


def together(*runs: Callable[[], object]) -> None:
    threads = [threading.Thread(target=run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_is_not_reached_is_called_again_a_day_later_and_then_the_order_ends(world: World) -> None:
    # A caller who gives up after one ring leaves the customer unheard; one who never gives up pesters.
    order_id = world.noticed()
    assert world.order(order_id).due_at == NOW + DAY
    wednesday = NOW + DAY
    world.do(orders.attempt, order_id, wednesday, reached=False)
    assert (world.order(order_id).attempts, world.order(order_id).due_at) == (1, wednesday + DAY)
    assert world.keep(wednesday + HOUR)["messages"] == {}
    assert world.keep(wednesday + 22 * HOUR)["messages"] == {"alert": 1}, "whoever is to call again today is told today"
    assert world.keep(wednesday + 23 * HOUR)["messages"] == {}

    friday = NOW + 3 * DAY
    world.do(orders.attempt, order_id, friday, reached=False)
    monday = datetime(2026, 3, 9, 7, tzinfo=UTC)  # eight o'clock in Berlin: nobody works on Saturday
    assert world.order(order_id).due_at == monday
    world.do(orders.attempt, order_id, monday, reached=False)
    assert world.order(order_id).due_at is None
    with refused("never reached"):
        world.do(orders.close, order_id, monday, reason="resolved")
    with refused("by hand"):
        world.do(orders.close, order_id, monday, reason="not_reached")
    done: list[dict[str, Any]] = []
    together(*[lambda: done.append(world.keep(monday + HOUR))] * 2)
    assert sorted(each["not_reached"] for each in done) == [0, 1]
    assert world.order(order_id).close_reason == "not_reached"
    with refused("reopen it first"):
        world.do(orders.attempt, order_id, monday + DAY, reached=True)

    # She calls back: the order goes on where it was, with new times, and everything that happened before is still there.
    before = world.happened(order_id)
    world.do(orders.reopen, order_id, monday + DAY, reason="customer_called")
    world.do(orders.attempt, order_id, monday + DAY + HOUR, reached=True, learned="Nobody told her", action="apology", closes=True)
    found = world.order(order_id)
    assert (found.state, found.close_reason, found.attempts) == ("closed", "resolved", 1)
    assert world.happened(order_id)[: len(before)] == before


def test_a_supervisor_learns_of_it_once_when_nobody_calls(world: World) -> None:
    # Two alarms about one thing teach people to ignore alarms; none at all leaves the customer waiting.
    order_id, calm = world.noticed(), world.noticed(answer("A2", 3, 2))
    world.do(orders.attempt, calm, NOW + HOUR, reached=True, closes=True)
    overdue = NOW + DAY + 4 * HOUR
    assert world.keep(overdue - timedelta(minutes=1))["escalated"] == 0
    done: list[dict[str, Any]] = []
    together(*[lambda: done.append(world.keep(overdue))] * 3)
    assert sum(each["escalated"] for each in done) == 1
    assert sum(each["messages"].get("escalation", 0) for each in done) == 1
    assert world.keep(overdue + DAY)["escalated"] == 0
    late = NOW + 8 * DAY + HOUR
    assert world.keep(late)["escalated"] == 1
    assert world.keep(late + 30 * DAY)["escalated"] == 0
    assert world.happened(order_id, "escalated") == [("escalated", "LEAD1"), ("escalated", "BRANCH")]
    assert world.happened(calm, "escalated") == []
    assert [one for one in messages(world.engine) if one[0] == "escalation"] == [("escalation", "BRANCH"), ("escalation", "LEAD1")]


def test_orders_follow_those_who_are_here(world: World) -> None:
    # The owner has left, is on holiday, or the whole team moved: an order that nobody sees is a customer whom nobody calls.
    order_id = world.noticed()
    assert world.order(order_id).owner_employee_id == "ANN"
    with world.engine.begin() as connection:
        absence = (
            "insert into ops.absences (employee_id, from_on, to_on, recorded_by, recorded_at) values ('ANN', :day, :day, 'LEAD1', :now)"
        )
        connection.execute(sa.text(absence), {"day": (NOW + DAY).date(), "now": NOW})
    assert world.keep(NOW + HOUR)["reassigned"] == 0
    assert world.keep(NOW + DAY)["reassigned"] == 1
    assert world.keep(NOW + DAY)["reassigned"] == 0
    assert world.order(order_id).owner_employee_id == "LEAD1"
    assert ("alert", "LEAD1") in messages(world.engine)

    world.do(orders.assign, order_id, NOW + 2 * DAY, actor="LEAD1", to="BEN", reason="workload")
    put(world.engine, "employees", [employee("BEN", org_unit_id=None, manager_id="LEAD1", valid_from=(NOW + 3 * DAY).date())])
    refresh(world.engine, world.folder, now=NOW + 3 * DAY)
    assert world.keep(NOW + 3 * DAY)["reassigned"] == 1
    with refused("no more"):
        world.do(orders.assign, order_id, NOW + 3 * DAY, actor="LEAD1", to="BEN", reason="workload")

    moved = {"org_unit_id": "T1", "parent_id": "HQ", "kind": "team", "valid_from": (NOW + 4 * DAY).date()}
    put(world.engine, "org_units", [moved])
    refresh(world.engine, world.folder, now=NOW + 4 * DAY)
    assert world.keep(NOW + 4 * DAY)["reassigned"] == 1
    found = world.order(order_id)
    assert (found.owner_employee_id, found.unit_path) == ("LEAD1", "/HQ/T1/")
    why = [
        reason for (reason,) in rows(world.engine, "select reason from ops.work_order_events where event = 'assigned' order by event_id")
    ]
    assert why == ["absent", "workload", "left", "moved"]


def test_what_costs_much_is_promised_after_a_supervisor_agreed(world: World) -> None:
    # Without it anybody can give anything away, or cut one large gift into many small ones.
    order_id = world.noticed()
    world.do(orders.attempt, order_id, NOW + HOUR, reached=True, action="voucher", amount=Decimal(30))
    with refused("without approval"):
        world.do(orders.spend, order_id, NOW + HOUR, amount=Decimal(21), action="refund")
    world.do(orders.ask_approval, order_id, NOW + HOUR, amount=Decimal(200), action="refund", note="The roof is still open")
    assert world.order(order_id).awaits_approval
    assert world.keep(NOW + 2 * HOUR)["messages"] == {"approval": 1}
    for actor in ("ANN", "LEAD2", "BEN"):
        with refused("may not decide"):
            world.do(orders.decide, order_id, NOW + 2 * HOUR, actor=actor, is_approved=True)
    world.do(orders.decide, order_id, NOW + 2 * HOUR, actor="LEAD1", is_approved=True)
    with refused("no offer"):
        world.do(orders.decide, order_id, NOW + 2 * HOUR, actor="BRANCH", is_approved=False)
    assert world.keep(NOW + 3 * HOUR)["messages"] == {"approval": 1}, "whoever asked is told"
    with refused("without approval"):
        world.do(orders.spend, order_id, NOW + 3 * HOUR, amount=Decimal(201), action="refund")
    world.do(orders.spend, order_id, NOW + 3 * HOUR, amount=Decimal("199.99"), action="refund")
    with refused("without approval"):
        world.do(orders.spend, order_id, NOW + 3 * HOUR, amount=Decimal(25), action="refund")
    assert world.order(order_id).cost == Decimal("229.99")

    # A supervisor's own offer is for the next one above to decide.
    other = world.noticed(answer("A2", 1, 2, may_call_back=False))
    world.do(orders.ask_approval, other, NOW + HOUR, actor="LEAD1", amount=Decimal(90), action="refund")
    with refused("his or her own"):
        world.do(orders.decide, other, NOW + HOUR, actor="LEAD1", is_approved=True)
    world.do(orders.decide, other, NOW + HOUR, actor="BRANCH", is_approved=False)
    assert not world.order(other).awaits_approval


def test_only_a_supervisor_leaves_a_customer_alone_and_sees_what_is_at_stake(world: World) -> None:
    # Whoever served the customer badly must not be the one who decides that nobody calls; and the score stays what it is.
    with world.engine.begin() as connection:
        columns = "lifetime_value_expected numeric, lifetime_value_expected_low numeric, lifetime_value_expected_high numeric"
        connection.execute(sa.text("create schema if not exists marts"))
        connection.execute(
            sa.text(f"create table marts.customer_lifetime_values (customer_id text, {columns}, lifetime_value_to_date numeric)")
        )
        connection.execute(sa.text("insert into marts.customer_lifetime_values values ('C1', 1200, 900, 1500, 300)"))
    order_id = world.noticed()
    world.do(orders.spend, order_id, NOW, amount=Decimal(12), action="voucher")
    with refused("may not decide"):
        world.do(orders.close, order_id, NOW + HOUR, reason="not_pursued", note="not worth it")
    with refused("without a reason"):
        world.do(orders.close, order_id, NOW + HOUR, actor="LEAD1", reason="not_pursued", note=" ")
    world.do(orders.close, order_id, NOW + HOUR, actor="LEAD1", reason="not_pursued", note="A known fraud")
    with world.engine.connect() as connection:
        shown = packet(connection, order_id, NOW + HOUR)
    assert shown.value is not None
    assert (shown.value.lifetime_value_expected, shown.order.cost) == (Decimal(1200), Decimal(12))
    assert (shown.about.score, shown.about.verbatim) == (2, "word of A1") if shown.about else False
    assert shown.history[-1].note == "A known fraud"
    assert shown.customer.missing == ("phone",)
    assert [(one.interaction_id, one.is_about) for one in shown.contacts] == [("I1", True)]
    for words in ("fraud", "word of", "Customer C1"):
        assert words not in repr(shown), "what people write must not come into a log by a repr"


def test_no_one_calls_who_said_no(world: World) -> None:
    # A call after "please do not call me" makes a bad score worse.
    put(world.engine, "customers", [customer("C1", phone="+49 30 1")], loaded_at=NOW + HOUR)
    order_id = world.noticed()
    with world.engine.connect() as connection:
        assert packet(connection, order_id, NOW).customer.phone == "+49 30 1"
    again = world.noticed(answer("A9", 1, 1, may_call_back=False, responded_at=NOW))
    assert again == order_id, "one customer, one open order"
    found = world.order(order_id)
    assert (found.call_wanted, found.owner_employee_id) == (False, "LEAD1")
    with world.engine.connect() as connection:
        assert packet(connection, order_id, NOW).customer.phone is None
    with refused("does not want to be called"):
        world.do(orders.attempt, order_id, NOW + HOUR, actor="LEAD1", reached=True)
    assert world.keep(NOW + 3 * DAY)["escalated"] == 0, "nobody is blamed for not calling"
    world.do(orders.close, order_id, NOW + 3 * DAY, actor="LEAD1", reason="no_call_wanted")


def test_steps_are_remembered_until_they_are_done(world: World) -> None:
    # "I will get back to you on Friday" is a promise; nobody keeps it by heart.
    order_id = world.noticed()
    friday, thursday = NOW + 3 * DAY, NOW + 2 * DAY
    world.do(orders.attempt, order_id, NOW + HOUR, reached=True, follow_up_at=friday)
    world.do(orders.plan_follow_up, order_id, NOW + HOUR, due_at=thursday, text="Ask the workshop")
    assert world.order(order_id).due_at == thursday
    assert world.keep(thursday - 20 * HOUR)["messages"] == {}
    assert world.keep(thursday - HOUR)["messages"] == {"alert": 1}
    with world.engine.connect() as connection:
        first, second = packet(connection, order_id, NOW).open_steps
    assert first.note == "Ask the workshop"
    world.do(orders.finish_follow_up, order_id, thursday, follow_up=first.event_id)
    with refused("no open step"):
        world.do(orders.finish_follow_up, order_id, thursday, follow_up=first.event_id)
    assert world.order(order_id).due_at == friday
    world.do(orders.finish_follow_up, order_id, friday, follow_up=second.event_id)
    found = world.order(order_id)
    assert found.due_at == found.close_due_at, "all that is left is to close it"


def test_a_delayed_order_waits_and_nobody_learns_of_it(world: World) -> None:
    # A comparison in which somebody acts on the arm that waits compares nothing; and nobody who asks for help is made to wait.
    world.configure(comparison={"share": "0.999999", "delay_days": 14})
    order_id, urgent = world.noticed(), world.noticed(answer("A2", 2, 2))
    assert world.order(order_id).arm == world.order(urgent).arm == "delayed"
    assert world.order(order_id).owner_employee_id is None
    assert rows(world.engine, "select count(*) from ops.crm_outbox where kind = 'task'") == [(0,)]
    assert [kind for kind, _ in messages(world.engine) if kind != "feedback"] == []
    with refused("held back"):
        world.do(orders.assign, order_id, NOW, to="BEN", reason="other")

    world.noticed(answer("A3", 2, 2, may_call_back=True, responded_at=NOW))
    assert world.order(urgent).owner_employee_id == "ANN"
    assert world.keep(NOW + 13 * DAY)["released"] == 0
    done: list[dict[str, Any]] = []
    together(*[lambda: done.append(world.keep(NOW + 14 * DAY))] * 2)
    assert sorted(each["released"] for each in done) == [0, 1]
    found = world.order(order_id)
    assert (found.owner_employee_id, found.arm, found.due_at) == ("ANN", "delayed", NOW + 15 * DAY)
    alerts = "select count(*) from ops.messages where kind = 'alert' and about_order_id = :id"
    assert rows(world.engine, alerts, id=order_id) == [(1,)]


def test_two_records_of_one_customer_become_one_order(world: World) -> None:
    # The same person under two numbers is called twice about one evening.
    first, second = world.noticed(), world.noticed(answer("A2", 2, 2))
    put(world.engine, "customers", [customer("C2", merged_into="C1")], loaded_at=NOW + HOUR)
    assert world.keep(NOW + 2 * HOUR)["merged"] == 1
    assert (world.order(first).state, world.order(second).close_reason) == ("open", "merged")
    assert len(world.happened(first, "signal_added")) == 1
    assert world.keep(NOW + 2 * HOUR)["merged"] == 0


def test_many_at_once_open_one_order(world: World) -> None:
    # The page, a batch and a complaint tell of the same evening within a second, to several workers.
    from shopkeeper.closed_loop.signals import Signal

    refresh(world.engine, world.folder, now=NOW)

    def opens(number: int) -> None:
        signal = Signal("low_score", "low_score", "complaint", f"K{number}", NOW, customer_id="C1")
        with world.engine.begin() as connection:
            orders.open_order(connection, signal, owner=None, call_wanted=True, due_at=NOW, close_due_at=NOW + DAY, arm=None, now=NOW)

    together(*[lambda number=number: opens(number % 4) for number in range(12)])  # type: ignore[misc]
    assert rows(world.engine, "select customer_id, state from ops.work_orders") == [("C1", "open")]
    assert rows(world.engine, "select event, count(*) from ops.work_order_events group by event order by event") == [
        ("opened", 1),
        ("signal_added", 3),
    ]
