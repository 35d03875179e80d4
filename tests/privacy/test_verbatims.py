"""Verbatims of frozen batches are redacted once, with all that is known of who wrote them and who served them, and kept for the marts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from tests.survey.people import customer, employee, interaction, put

from shopkeeper.privacy import verbatims
from shopkeeper.privacy.verbatims import redact_verbatims
from shopkeeper.warehouse.tables import BUILD_BATCHES

NOW = datetime(2026, 3, 3, 6, tzinfo=UTC)


def answer(native_id: str, customer_id: str | None, verbatim: str | None, **columns: Any) -> dict[str, Any]:
    usual = {"native_id": native_id, "provider": "p", "account": "", "customer_id": customer_id, "programme": "claims", "score": 3}
    return {**usual, "responded_at": NOW, "verbatim": verbatim, **columns}


def freeze(engine: sa.Engine, build_id: int, *, without: tuple[int, ...] = ()) -> None:
    with engine.begin() as connection:
        batches = "select cast(:build_id as bigint), batch_id from ops.batches where status = 'passed' and batch_id <> all(:without)"
        statement = sa.insert(BUILD_BATCHES).from_select(["build_id", "batch_id"], sa.text(batches).columns(sa.column("a"), sa.column("b")))
        connection.execute(statement, {"build_id": build_id, "without": list(without)})


def redacted(engine: sa.Engine) -> dict[str, str]:
    query = """
        select native_id, done.verbatim from ops.redacted_verbatims as done
        inner join raw.survey_responses using (_key, _batch_id) order by native_id
    """
    with engine.connect() as connection:
        return {row.native_id: row.verbatim for row in connection.execute(sa.text(query))}


def test_names_are_those_of_the_customer_and_of_who_served_whatever_leads_to_them(warehouse: sa.Engine) -> None:
    # The name is found through the answer, the invitation or the interaction; every version counts, for people marry.
    put(warehouse, "customers", [customer("C1", full_name="Anna Albrecht"), customer("C2", full_name="Peter Lang")])
    put(warehouse, "customers", [customer("C1", full_name="Anna Demirci")])
    put(warehouse, "employees", [employee("E1", email="wanda.winter@work.example"), employee("E2", email="kasse@work.example")])
    put(warehouse, "interactions", [interaction("I1", "C2", NOW, employee_id="E1"), interaction("I2", "C1", NOW, employee_id="E2")])
    put(warehouse, "survey_invitations", [{"invitation_id": "S1", "customer_id": "C1", "interaction_id": "I2", "sent_at": NOW}])
    put(
        warehouse,
        "survey_responses",
        [
            answer("1", "C1", "Albrecht or Demirci, call me on 0171 2312345. Peter was there."),
            answer("2", None, "demirci waits at the kasse", invitation_id="S1"),
            answer("3", None, "Lang is my name. Winter was kind, in winter it took too lang.", interaction_id="I1"),
            answer("4", "C9", "Winter came early, wanda said."),
            answer("5", "C1", None),
        ],
        source="platform",
    )
    freeze(warehouse, 1)
    assert redact_verbatims(warehouse, 1, now=NOW) == {"verbatims": 4, "with_something_replaced": 4}
    assert redacted(warehouse) == {
        "1": "[name] or [name], call me on [phone]. [name] was there.",
        "2": "[name] waits at the kasse",
        "3": "[name] is my name. [name] was kind, in winter it took too lang.",
        "4": "Winter came early, [name] said.",
    }


def test_only_what_is_frozen_and_not_done_yet_is_read(warehouse: sa.Engine, monkeypatch: Any) -> None:
    put(warehouse, "customers", [customer("C1", full_name="Anna Albrecht")])
    put(warehouse, "survey_responses", [answer(str(n), "C1", f"Albrecht {n}") for n in range(25)], source="platform")
    later = put(warehouse, "survey_responses", [answer("99", "C1", "Albrecht again")], source="platform")
    monkeypatch.setattr(verbatims, "CHUNK", 4)
    freeze(warehouse, 1, without=(later,))
    assert redact_verbatims(warehouse, 1, now=NOW)["verbatims"] == 25
    assert set(redacted(warehouse).values()) == {f"[name] {n}" for n in range(25)}
    freeze(warehouse, 2)
    assert redact_verbatims(warehouse, 2, now=NOW)["verbatims"] == 1
    assert redact_verbatims(warehouse, 2, now=NOW)["verbatims"] == 0
    monkeypatch.setattr(verbatims, "METHOD", "2")
    assert redact_verbatims(warehouse, 2, now=NOW)["verbatims"] == 26


def test_a_name_that_becomes_known_later_is_taken_out_of_what_was_redacted_before(warehouse: sa.Engine) -> None:
    # Answers arrive before the customer's record, and a colleague's; what marts held of them must not keep the name for ever.
    put(warehouse, "employees", [employee("E1", email="wanda.bauer@work.example")])
    put(
        warehouse,
        "survey_responses",
        [answer("1", "C1", "Tanaka here, Zbigniew was rude"), answer("2", "C2", "all fine")],
        source="platform",
    )
    freeze(warehouse, 1)
    redact_verbatims(warehouse, 1, now=NOW)
    assert redacted(warehouse) == {"1": "Tanaka here, Zbigniew was rude", "2": "all fine"}
    put(warehouse, "customers", [customer("C1", full_name="Ken Tanaka")])
    freeze(warehouse, 2)
    later = datetime(2026, 3, 4, 6, tzinfo=UTC)
    assert redact_verbatims(warehouse, 2, now=later)["verbatims"] == 1
    assert redacted(warehouse)["1"] == "[name] here, Zbigniew was rude"
    put(warehouse, "employees", [employee("E2", email="zbigniew.k@work.example", valid_from=date(2026, 1, 1))])
    freeze(warehouse, 3)
    assert redact_verbatims(warehouse, 3, now=later) == {"verbatims": 1, "with_something_replaced": 1}
    assert redacted(warehouse) == {"1": "[name] here, [name] was rude", "2": "all fine"}
    with warehouse.connect() as connection:
        made = connection.execute(sa.text("select build_id, redacted_at from ops.redacted_verbatims order by build_id desc")).all()
    assert [tuple(row) for row in made] == [(3, later), (1, NOW)], "a build can tell whose words changed since"


def test_columns_that_nobody_declared_may_hold_a_name(warehouse: sa.Engine) -> None:
    put(warehouse, "employees", [employee("E1", email="e1@work.example")])
    put(warehouse, "survey_responses", [answer("1", None, "Oluwaseun helped, the service was good")], source="platform")
    with warehouse.begin() as connection:
        connection.execute(sa.text("""update pii.employees set extra = '{"Vorname": "Oluwaseun", "department": "service"}'"""))
    freeze(warehouse, 1)
    redact_verbatims(warehouse, 1, now=NOW)
    assert redacted(warehouse) == {"1": "[name] helped, the service was good"}
