"""Initiatives: nobody skips a state, nobody chooses a measure after the start, and what comes in twice is there once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.closed_loop import initiatives, project_tool, proposals
from shopkeeper.closed_loop.initiatives import MOVES, Measure, Plan, Told
from shopkeeper.company.closed_loop import ClosedLoop, ProjectTool
from shopkeeper.company.config import Company, CompanyFolder
from shopkeeper.company.initiatives import Proposal
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.ids import stable_id

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAN = Plan("Letters in plain words", owner="Communications", due_on=date(2026, 9, 30), cost=Decimal(25_000), programme="transactional")
JUDGED = Measure("nps", "transactional", ("B01", "B02"))
ROW = Proposal(
    initiative_id="letters", title="Letters", programme="transactional", cost=Decimal(10), measure="nps", measure_units="B02 B01"
)


def _asked(at: datetime = NOW) -> dict[str, Any]:
    return {"command_id": uuid4(), "actor": "LEA", "at": at}


def _do(connection: sa.Connection, verb: str) -> None:
    more: dict[str, Any] = {
        "start": {"on": date(2026, 4, 1)},
        "done": {"on": date(2026, 5, 1)},
        "verify": {"reason": "the regulator's audit"},
        "drop": {"reason": "too dear"},
        "measure": {"measure": replace(JUDGED, units=(f"B{uuid4().hex[:4]}",))},
        "revise": {"plan": replace(PLAN, cost=Decimal(uuid4().int % 1000 + 1))},
        "tell": {"told": Told("You could not read our letters", "We wrote them anew")},
    }
    name = {"measure": "register_measure"}.get(verb, verb)
    getattr(initiatives, name)(connection, "letters", **_asked(), **more.get(verb, {}))


VERBS = ("fund", "start", "done", "verify", "drop", "measure", "revise", "tell")


# A state that is skipped is money that nobody granted, or a success that nobody measured; a measure chosen afterwards always improves.
@given(st.lists(st.sampled_from(VERBS), max_size=14))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_what_its_state_allows_happens_and_a_started_measure_never_changes(warehouse: sa.Engine, verbs: list[str]) -> None:
    with warehouse.connect() as connection:
        initiatives.propose(connection, "letters", PLAN, **_asked())
        for verb in verbs:
            before, events = initiatives.find(connection, "letters"), len(initiatives.history(connection, "letters"))
            may = {
                "start": before.state == "funded" and before.measure is not None,
                "measure": before.state in ("proposed", "funded"),
                "revise": before.state not in ("verified", "dropped"),
                "tell": before.state in ("done", "verified"),
            }.get(verb, verb in before.moves)
            try:
                _do(connection, verb)
            except ShopkeeperError:
                assert not may
                assert len(initiatives.history(connection, "letters")) == events
                continue
            after = initiatives.find(connection, "letters")
            assert may
            assert after.state == (MOVES[verb][1] if verb in MOVES else before.state)
            if before.started_on is not None:
                assert after.measure == before.measure
                assert after.measure_registered_at == before.measure_registered_at
        connection.rollback()


def test_what_is_asked_twice_happens_once_and_a_reason_is_needed(warehouse: sa.Engine) -> None:
    with warehouse.begin() as connection:
        again = _asked()
        for _ in range(2):
            initiatives.propose(connection, "letters", PLAN, **again)
        initiatives.register_measure(connection, "letters", JUDGED, **_asked())
        again = _asked()
        for _ in range(2):
            initiatives.fund(connection, "letters", **again)
        initiatives.start(connection, "letters", on=date(2026, 4, 1), **_asked())
        initiatives.done(connection, "letters", on=date(2026, 5, 1), **_asked())
        with pytest.raises(ShopkeeperError, match="no measured effect"):
            initiatives.verify(connection, "letters", **_asked())
        assert [one.event for one in initiatives.history(connection, "letters")] == [
            "proposed", "measure_registered", "funded", "started", "done"
        ]  # fmt: skip


# The file is read every five minutes: a row that is taken over twice, or that undoes what leaders decided, would be worse than none.
def test_the_file_proposes_once_follows_its_changes_and_leaves_alone_what_was_decided_elsewhere(warehouse: sa.Engine) -> None:
    with warehouse.begin() as connection:
        assert proposals.from_file(connection, ROW, at=NOW) == ["proposed", "measured"]
        assert proposals.from_file(connection, ROW, at=NOW) == []
        decided = replace(initiatives.find(connection, "letters").plan, owner="Legal", due_on=date(2026, 9, 1))
        initiatives.revise(connection, "letters", decided, **_asked())
        assert proposals.from_file(connection, ROW, at=NOW) == []
        assert initiatives.find(connection, "letters").plan.owner == "Legal"
        dearer = ROW.model_copy(update={"cost": Decimal(20), "owner": "Legal", "due_on": date(2026, 9, 1)})
        assert proposals.from_file(connection, dearer, at=NOW) == ["revised"]
        assert proposals.from_file(connection, ROW, at=NOW) == ["revised"]  # back again
        assert proposals.from_file(connection, dearer, at=NOW) == ["revised"]
        initiatives.fund(connection, "letters", **_asked())
        initiatives.start(connection, "letters", on=date(2026, 4, 1), **_asked())
        other = dearer.model_copy(update={"measure": "detractors"})
        assert proposals.from_file(connection, other, at=NOW) == ["frozen"]
        found = initiatives.find(connection, "letters").measure
        assert found is not None
        assert (found.measure, found.units) == ("nps", ("B01", "B02"))


# What the front line hands over and nobody looks at is why it stops handing anything over.
def test_the_backlog_and_calls_that_were_passed_on_are_proposed_once(warehouse: sa.Engine) -> None:
    order, issue = uuid4(), uuid4()
    with warehouse.begin() as connection:
        for item, source, key in ((stable_id("backlog", "huddle", str(issue)), "huddle", issue),):
            connection.execute(
                sa.text("insert into ops.backlog values (:item, :source, :key, 'T001', 'ANN', :now)"),
                {"item": item, "source": source, "key": key, "now": NOW},
            )
        connection.execute(
            sa.text(
                """
                insert into ops.work_orders (
                    order_id, customer_id, rule, signal_id, opened_at, first_attempt_due_at, close_due_at, state, call_wanted, org_unit_id
                ) values (:order, 'C1', 'low_score', :order, :now, :now, :now, 'open', true, 'T002')
                """
            ),
            {"order": order, "now": NOW},
        )
        for action, words in (("voucher", "no"), ("passed_on", "the form asks twice"), ("passed_on", "again")):
            connection.execute(
                sa.text(
                    """
                    with added as (
                        insert into ops.work_order_events (order_id, event, actor, action, occurred_at)
                        values (:order, 'attempted', 'BOB', :action, :now) returning event_id
                    )
                    insert into pii.work_order_texts (event_id, learned) select event_id, :words from added
                    """
                ),
                {"order": order, "action": action, "words": words, "now": NOW},
            )
    folder = CompanyFolder.model_construct(initiatives=(ROW,))
    first, second = (proposals.gather(warehouse, folder, now=NOW + timedelta(hours=hour)) for hour in range(2))
    assert (first["learnings"], first["from_backlog"], first["proposed"]) == (1, 2, 1)
    assert set(second.values()) == {0}
    with warehouse.connect() as connection:
        found = {one.came_from: one.plan.title for one in initiatives.visible(connection)}
        words = connection.scalar(sa.text("select string_agg(cast(events as text), ' ') from ops.initiative_events as events"))
    assert found == {"file": "Letters", "huddle": "Raised in a huddle of T001", "learning": "Learned on a call-back of T002"}
    assert words is not None
    assert "asks twice" not in words  # what somebody said stays where it was said


class _Tool(BaseHTTPRequestHandler):
    """A project tool that fails once, and dies once after it has taken something."""

    taken: ClassVar[dict[str, dict[str, Any]]] = {}
    keys: ClassVar[list[str]] = []
    says: ClassVar[list[int]] = []

    def do_PUT(self) -> None:
        import json

        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = _Tool.says.pop(0) if _Tool.says else 200
        if status < 300 or status == 599:  # 599: it took it, and the answer got lost
            _Tool.taken[self.path] = body
            _Tool.keys.append(self.headers["Idempotency-Key"])
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


# A tool that holds an initiative twice, or an old state for ever, is not believed for long.
def test_the_project_tool_gets_each_change_until_it_has_it_and_the_same_key_when_sent_again(warehouse: sa.Engine) -> None:
    _Tool.taken, _Tool.keys, _Tool.says = {}, [], [500, 599]
    server = HTTPServer(("127.0.0.1", 0), _Tool)
    Thread(target=server.serve_forever, daemon=True).start()
    tool = ProjectTool(url=f"http://127.0.0.1:{server.server_port}/items")
    company = Company(name="A", timezone="Europe/Berlin", currency="EUR")
    folder = CompanyFolder.model_construct(company=company, closed_loop=ClosedLoop(project_tool=tool))
    with warehouse.begin() as connection:
        initiatives.propose(connection, "letters", PLAN, **_asked())
    try:
        told = [project_tool.tell(warehouse, folder, now=NOW + timedelta(hours=hour)) for hour in range(4)]
        with warehouse.begin() as connection:
            initiatives.fund(connection, "letters", **_asked())
        told.append(project_tool.tell(warehouse, folder, now=NOW + timedelta(hours=5)))
    finally:
        server.shutdown()
        server.server_close()
    assert [one["written"] for one in told] == [0, 0, 1, 0, 1]
    assert _Tool.keys[0] == _Tool.keys[1] != _Tool.keys[2]
    assert _Tool.taken["/items/letters"]["state"] == "funded"
    with warehouse.connect() as connection:
        assert project_tool.as_csv(connection, "EUR").splitlines()[1].startswith("letters,Letters in plain words,funded,Communications,")
