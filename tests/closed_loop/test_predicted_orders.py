"""Customers who said nothing and of whom a model expects the worst: called only where a company says so, and said to be modelled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from tests.closed_loop.loop_world import NOW, RULES, a_company, answer, land, messages, orders, people, rows, run, signals

SAID = {name: rule for name, rule in RULES.items() if rule["kind"] != "unit_changed"}
# C1 is likeliest, C2 has an order already, C5 is not likely enough
CHANCES = {"C1": 0.95, "C2": 0.93, "C3": 0.9, "C4": 0.7, "C5": 0.3}


def publish(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for statement in (
            "create table marts.predicted_nps (programme text, customer_id text, invitation_id text, detractor_probability numeric(9, 6))",
            "create table marts.fct_survey_invitations (invitation_id text, interaction_id text, invited_at timestamptz)",
            "create table marts._applied (batch_id bigint)",
        ):
            connection.execute(sa.text(statement))
        for customer, chance in CHANCES.items():
            given = {"customer": customer, "chance": chance, "at": NOW - timedelta(days=40), "about": f"I{customer[1:]}"}
            connection.execute(
                sa.text("insert into marts.predicted_nps values ('transactional', :customer, 'sent to ' || :customer, :chance)"), given
            )
            connection.execute(sa.text("insert into marts.fct_survey_invitations values ('sent to ' || :customer, :about, :at)"), given)
        published = """
            insert into quality.publications (build_id, as_of, known_at, config_hash, gates_passed, gates_warned, published_at)
            values (1, :at, :at, '', 1, 0, :at)
        """
        connection.execute(sa.text(published), {"at": NOW - timedelta(hours=9)})


def test_the_silent_are_called_where_a_company_says_so_and_nowhere_else(warehouse: sa.Engine, tmp_path: Path) -> None:
    # A model's guess that reaches every company unasked, calls hundreds in a morning, or is told as if the customer had complained, would
    # cost more trust than it saves.
    people(warehouse, customers=5)
    publish(warehouse)
    land(warehouse, answer("a2", 1, number=2))
    assert run(warehouse, a_company(tmp_path / "off", rules=SAID))["opened"] == 1
    assert orders(warehouse) == [("C2", "low_score", "ANN", True)]

    predicted = {"kind": "predicted", "at_least": 0.6, "at_most_per_day": 2}
    delayed = {"share": 0.9, "delay_days": 14}
    folder = a_company(tmp_path / "on", rules={**SAID, "at_risk": predicted}, comparison=delayed)
    assert run(warehouse, folder)["opened"] == 2
    assert orders(warehouse)[0:3:2] == [("C1", "at_risk", "ANN", True), ("C3", "at_risk", "ANN", True)], (
        "the likeliest first, one order each"
    )
    assert "opened" not in run(warehouse, folder), "two a day, however often it runs"
    assert run(warehouse, folder, NOW + timedelta(days=1))["opened"] == 1
    assert [found for found in signals(warehouse) if found[0] == "at_risk"] == [("at_risk", "opened", f"C{n}") for n in (1, 3, 4)]
    assert rows(warehouse, "select distinct kind, subject, score from ops.signals where rule = 'at_risk'") == [
        ("predicted", "prediction", None)
    ]
    assert rows(warehouse, "select distinct arm from ops.work_orders where rule = 'at_risk'") == [(None,)], "no part of a comparison"
    assert messages(warehouse).count(("alert", "ANN")) == 4
    [(told,)] = rows(warehouse, "select body from pii.message_texts where body like '%model%' limit 1")
    assert "did not answer our survey" in told
    assert "nobody has said so" in told
    assert not any(figure in told for figure in ("0.9", "90 %", "95 %", "0.7")), "a modelled figure is in no alert"
    assert "opened" not in run(warehouse, folder, NOW + timedelta(days=2)), "nobody is called twice"


def test_an_old_prediction_leads_to_nothing(warehouse: sa.Engine, tmp_path: Path) -> None:
    # Builds that stopped weeks ago would go on sending people to customers who are content by now.
    people(warehouse, customers=5)
    publish(warehouse)
    folder = a_company(tmp_path / "on", rules={"at_risk": {"kind": "predicted", "at_least": 0.6}})
    assert run(warehouse, folder, NOW + timedelta(days=15)) == {"looked_at": 4}
