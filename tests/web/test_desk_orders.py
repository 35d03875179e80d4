"""What is done at the desk, by its forms: what does not reach the order is a customer who waits, or money that nobody approved."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from tests.web.desk_world import LATER, Running, desk, hidden, key_of, new_order, order_of

from shopkeeper.warehouse.ids import stable_id


@pytest.fixture(scope="module")
def running(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with desk(database, tmp_path_factory.mktemp("orders") / "company") as found:
        yield found


def events(running: Running, order_id: UUID) -> list[tuple[Any, ...]]:
    with running.engine.connect() as connection:
        query = "select event, actor, reason, amount from ops.work_order_events where order_id = :id order by event_id"
        return [tuple(row) for row in connection.execute(sa.text(query), {"id": order_id})]


def row_of(running: Running, order_id: UUID) -> dict[str, Any]:
    with running.engine.connect() as connection:
        found = connection.execute(sa.text("select * from ops.work_orders where order_id = :id"), {"id": order_id}).mappings().one()
        return dict(found)


def act(running: Running, client: httpx.Client, order_id: UUID, name: str, **fields: Any) -> httpx.Response:
    return running.send(client, f"/desk/orders/{order_id}", f"/desk/orders/{order_id}/{name}", **fields)


def test_a_call_is_recorded_once_however_often_it_is_sent(running: Running) -> None:
    """On a bad line one presses twice. The packet is on the page: whom to call, what was said, and the number."""
    ann, order_id = running.client("ANN"), order_of(running.engine, "C1")
    page = ann.get(f"/desk/orders/{order_id}").text
    assert all(text in page for text in ("Klara Weber", "Nobody called me back", "tel:+4930111", "Low score"))
    assert "Klara Weber" in ann.get("/desk").text
    told = {**hidden(page), "reached": "yes", "learned": "Waited three weeks", "action": "apology", "amount": "19,90", "closes": "yes"}
    for _ in range(2):
        answer = ann.post(f"/desk/orders/{order_id}/attempt", data=told)
        assert answer.status_code == 303
        assert answer.headers["location"].endswith(f"/desk/orders/{order_id}?done=attempt")
    assert [event[0] for event in events(running, order_id)][-3:] == ["attempted", "spent", "closed"]
    assert [event[0] for event in events(running, order_id)].count("attempted") == 1
    assert row_of(running, order_id)["cost"] == Decimal("19.90")
    page = ann.get(f"/desk/orders/{order_id}?done=attempt").text
    assert "The call is recorded." in page
    assert "Waited three weeks" in page
    assert "Klara Weber" in ann.get("/desk/closed").text
    assert "Klara Weber" in ann.get("/desk/search?q=weber").text
    assert act(running, ann, order_id, "attempt", reached="no").status_code == 409
    assert act(running, ann, order_id, "reopen", reason="not_solved").status_code == 303
    assert row_of(running, order_id)["state"] == "open"


def test_an_offer_above_the_limit_needs_the_supervisor(running: Running) -> None:
    """End to end: refused as a cost, asked for, seen by the leader, decided, and only then spent; nobody decides on his own."""
    order_id = new_order(running.engine, running.folder, 21)
    ann, lead = running.client("ANN"), running.client("LEAD1")
    told = {"reached": "yes", "learned": "Roof still leaks", "action": "refund", "amount": "80"}
    refused = act(running, ann, order_id, "attempt", **told)
    assert refused.status_code == 409
    assert "without approval" in refused.text
    assert "Roof still leaks" in refused.text, "what was typed is not lost"
    assert [event[0] for event in events(running, order_id)] == ["opened"], "nothing of it was recorded"
    assert act(running, ann, order_id, "ask", amount="80", action="refund", note="Loyal for years").status_code == 303
    assert act(running, ann, order_id, "decide", decision="approve").status_code == 404, "an employee is no leader"
    listed = lead.get("/desk/team").text
    assert "offer to be decided" in listed
    page = lead.get(f"/desk/orders/{order_id}").text
    assert all(text in page for text in ("EUR 80", "Loyal for years", "Approve"))
    assert act(running, lead, order_id, "decide", decision="approve", note="Do it").status_code == 303
    assert act(running, ann, order_id, "attempt", **told).status_code == 303
    assert events(running, order_id)[1:] == [
        ("approval_asked", "ANN", None, Decimal(80)),
        ("approved", "LEAD1", None, Decimal(80)),
        ("attempted", "ANN", None, None),
        ("spent", "ANN", None, Decimal(80)),
    ]
    own = new_order(running.engine, running.folder, 22, employee_id="LEAD1")
    assert act(running, lead, own, "ask", amount="60", action="voucher").status_code == 303
    assert act(running, lead, own, "decide", decision="approve").status_code == 409
    assert act(running, running.client("BRANCH"), own, "decide", decision="refuse").status_code == 303


def test_leaders_hand_on_and_drop_and_nobody_else(running: Running) -> None:
    """Given away outside one's units an order would vanish from those who answer for it; left without a reason, it is hidden."""
    order_id = new_order(running.engine, running.folder, 23)
    ann, lead = running.client("ANN"), running.client("LEAD1")
    assert act(running, ann, order_id, "assign", to="BEN", reason="workload").status_code == 404
    assert act(running, ann, order_id, "close", reason="not_pursued", note="no time").status_code == 409
    assert act(running, lead, order_id, "assign", to="CAT", reason="workload").status_code == 403
    assert act(running, lead, order_id, "assign", to="NOBODY", reason="workload").status_code == 409
    assert act(running, lead, order_id, "assign", to="BEN", reason="workload").status_code == 303
    assert row_of(running, order_id)["owner_employee_id"] == "BEN"
    assert ann.get(f"/desk/orders/{order_id}").status_code == 404
    assert running.client("BEN").get(f"/desk/orders/{order_id}").status_code == 200
    assert act(running, lead, order_id, "close", reason="not_pursued").status_code == 409
    assert act(running, lead, order_id, "close", reason="not_pursued", note="In court already").status_code == 303
    assert row_of(running, order_id)["close_reason"] == "not_pursued"


def test_a_step_a_note_and_a_missed_call(running: Running) -> None:
    """A missed call is due again; what was promised stays on the page until it is done."""
    order_id, ann = new_order(running.engine, running.folder, 24), running.client("ANN")
    assert act(running, ann, order_id, "attempt").status_code == 409, "reached or not must be said"
    assert act(running, ann, order_id, "attempt", reached="no").status_code == 303
    assert row_of(running, order_id)["attempts"] == 1
    assert row_of(running, order_id)["due_at"] > LATER
    assert act(running, ann, order_id, "attempt", reached="no", again_at="2026-03-05T14:30").status_code == 303
    assert row_of(running, order_id)["due_at"].isoformat() == "2026-03-05T13:30:00+00:00", "half past two in Berlin"
    assert act(running, ann, order_id, "note", note="<script>alert(1)</script>").status_code == 303
    assert act(running, ann, order_id, "step", note="Send the form", due_at="2026-03-04T09:00").status_code == 303
    page = ann.get(f"/desk/orders/{order_id}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    step = page.split('name="step" value="')[1].split('"')[0]
    assert act(running, ann, order_id, "step-done", step=step).status_code == 303
    assert "Send the form" not in ann.get(f"/desk/orders/{order_id}").text.split('id="happened"')[0]
    for amount in ("-5", "1e9", "0", "12.345", "many", "NaN"):
        assert act(running, ann, order_id, "spend", amount=amount, action="voucher").status_code == 409, amount


def test_no_call_where_none_is_wanted(running: Running) -> None:
    """Who declined a call and gets one is lost twice: the supervisor decides, without a telephone number on the page."""
    order_id = new_order(running.engine, running.folder, 25, may_call_back=False)
    lead = running.client("LEAD1")
    page = lead.get(f"/desk/orders/{order_id}").text
    assert "nobody calls" in page
    assert "tel:" not in page
    assert "Record a call" not in page
    assert act(running, lead, order_id, "attempt", reached="yes").status_code == 409
    assert act(running, lead, order_id, "close", reason="no_call_wanted").status_code == 303


def test_absence_moves_work(running: Running) -> None:
    """One who is away must not be waited for: what is open is handed on in one go, and new orders go to the supervisor."""
    first, second = (
        new_order(running.engine, running.folder, 31, employee_id="CAT"),
        new_order(running.engine, running.folder, 32, employee_id="CAT"),
    )
    cat, lead = running.client("CAT"), running.client("LEAD2")
    away = {"employee": "CAT", "from_on": "2026-03-03", "to_on": "2026-03-06"}
    assert running.send(cat, "/desk/absences", "/desk/absences", **{**away, "employee": "ANN"}).status_code == 403
    assert running.send(cat, "/desk/absences", "/desk/absences", **{**away, "to_on": "2026-03-01"}).status_code == 409
    for _ in range(2):
        assert running.send(cat, "/desk/absences", "/desk/absences", **away).status_code == 303
    with running.engine.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from ops.absences")) == 1
    assert "CAT is away" in lead.get("/desk/absences").text
    assert running.send(cat, "/desk/absences", "/desk/absences/hand-over", employee="CAT", to="LEAD2").status_code == 404
    assert running.send(lead, "/desk/absences", "/desk/absences/hand-over", employee="CAT", to="LEAD2").status_code == 303
    assert {row_of(running, order_id)["owner_employee_id"] for order_id in (first, second)} == {"LEAD2"}
    assert row_of(running, new_order(running.engine, running.folder, 33, employee_id="CAT"))["owner_employee_id"] == "LEAD2"
    absence = lead.get("/desk/absences").text.split('name="absence" value="')[1].split('"')[0]
    assert running.send(running.client("ANN"), "/desk/absences", "/desk/absences/withdraw", absence=absence).status_code == 404
    assert running.send(cat, "/desk/absences", "/desk/absences/withdraw", absence=absence).status_code == 303


def test_good_answers_are_shown_and_thanked_for(running: Running) -> None:
    """Only ever hearing what is bad wears people out: the promoter's words are there too, and the thank-you is on record."""
    ann, lead = running.client("ANN"), running.client("LEAD1")
    page = ann.get("/desk/answers").text
    assert "So kind on the telephone" in page
    assert "Nobody called me back" in page, "the bad one, though it came as an alert"
    assert "let me down" not in page
    answer = f"/desk/answers/{key_of('a3')}"
    assert "So kind on the telephone" in lead.get("/desk/answers/team").text
    assert running.send(lead, answer, answer, way="call").status_code == 403, "whose customer it is thanks"
    assert running.send(ann, answer, answer, way="telepathy").status_code == 409
    for _ in range(2):
        assert running.send(ann, answer, answer, way="call").status_code == 303
    assert "Thanked by telephone" in ann.get(answer).text
    with running.engine.connect() as connection:
        thanked = connection.execute(sa.text("select employee_id, way from ops.thanks")).all()
    assert [tuple(row) for row in thanked] == [("ANN", "call")]


def test_an_answer_is_where_the_last_decision_put_it(running: Running) -> None:
    """Whoever was told wrongly is not to be measured by it, nor to thank for it; and the one it went to finds it among his own."""
    key = str(key_of("a2"))

    def uphold(employee_id: str, to: str | None) -> None:
        given = {"id": stable_id("dispute", key, employee_id), "key": key, "who": employee_id, "to": to, "now": LATER}
        with running.engine.begin() as connection:
            dispute = """
                insert into ops.disputes (dispute_id, response_key, employee_id, unit_path, reason, opened_at)
                values (:id, :key, :who, '/HQ/B1/T1/', 'not_my_customer', :now)
            """
            decision = """
                insert into ops.dispute_decisions (dispute_id, command_id, decision, to_employee_id, decided_by, decided_at)
                values (:id, gen_random_uuid(), 'upheld', :to, 'LEAD1', :now)
            """
            for statement in (dispute, decision):
                connection.execute(sa.text(statement), given)

    def readers() -> list[str]:
        return [who for who in ("ANN", "BEN", "CAT") if "word of a2" in running.client(who).get("/desk/answers").text]

    assert readers() == ["ANN"]
    uphold("ANN", "BEN")
    assert readers() == ["BEN"]
    uphold("BEN", "CAT")
    assert readers() == ["CAT"]
