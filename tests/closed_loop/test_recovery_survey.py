"""The recovery survey: asked once, of those who may be asked, and its answer belongs to the order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
import yaml
from tests.closed_loop.loop_world import NOW, a_company, answer, land, people, rows, run
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.mail_server import ACCEPT, MailServer
from tests.survey.people import customer, put

from shopkeeper.closed_loop import orders
from shopkeeper.closed_loop.cycle import keep_time
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.survey import collect, delivery, ledger

DAY = timedelta(days=1)
ALL_DAY = {"starts": "00:00", "ends": "23:59", "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
USUAL = {"kind": "transactional", "after": {"interaction_types": ["claim"]}, "window": ALL_DAY, "reminder": None}


@pytest.fixture
def folder(warehouse: sa.Engine, tmp_path: Path) -> CompanyFolder:
    """Six customers gave a 2; each was asked by the survey `transactional` the day before."""
    path = tmp_path / "company"
    a_company(path)
    written = yaml.safe_load((path / "programmes.yml").read_text())
    written["programmes"] |= {"transactional": USUAL, "recovery": {**USUAL, "is_active": False, "quarantine_days": 0}}
    (path / "programmes.yml").write_text(yaml.safe_dump(written, sort_keys=False))
    loop = yaml.safe_load((path / "closed_loop.yml").read_text())
    cycle = {"recovery_programme": "recovery", "recovery_after_days": 7}
    (path / "closed_loop.yml").write_text(yaml.safe_dump({**loop, "cycle": cycle}, sort_keys=False))
    folder = load(path, environ={})
    people(warehouse, customers=6)
    land(warehouse, *(answer(f"A{n}", 2, n) for n in range(1, 7)))
    run(warehouse, folder)
    return folder


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(lambda recipient: ACCEPT) as server:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", server.url)
        monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", "1:a-secret-of-more-than-24-characters")
        monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path))
        yield server


def resolve(engine: sa.Engine, folder: CompanyFolder, *numbers: int, reason: orders.CloseReason = "resolved") -> None:
    for (order_id,) in rows(
        engine, "select order_id from ops.work_orders where state = 'open' and customer_id = any(:ids)", ids=[f"C{n}" for n in numbers]
    ):
        with engine.begin() as connection:
            given = {"folder": folder, "actor": "ANN", "at": NOW}
            orders.attempt(connection, order_id, command_id=uuid4(), reached=True, closes=reason == "resolved", **given)
            if reason != "resolved":
                orders.close(connection, order_id, command_id=uuid4(), actor="LEAD1", at=NOW, reason=reason, note="why")


def test_whoever_was_called_back_is_asked_once_more(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Nobody knows whether the call helped unless the customer says so; and a customer who said "never again" is not asked at all.
    resolve(warehouse, folder, 1, 2, 3, 4)
    resolve(warehouse, folder, 5, reason="not_pursued")
    put(warehouse, "customers", [customer("C2", do_not_contact="lawyer"), customer("C3", opted_out=True)], loaded_at=NOW + DAY)
    assert keep_time(warehouse, folder, now=NOW + 6 * DAY)["recovery_surveys"] == 0
    due = NOW + 7 * DAY
    assert keep_time(warehouse, folder, now=due)["recovery_surveys"] == 2
    assert keep_time(warehouse, folder, now=due)["recovery_surveys"] == 0
    told = """
        select customer_id, event, reason from ops.work_order_events inner join ops.work_orders using (order_id)
        where event like 'recovery%' order by 1
    """
    assert rows(warehouse, told) == [
        ("C1", "recovery_asked", None),
        ("C2", "recovery_left_out", "do_not_contact"),
        ("C3", "recovery_left_out", "opted_out"),
        ("C4", "recovery_asked", None),
    ]

    # Both had another survey a day ago. The recovery survey goes out all the same; one of another programme does not.
    wave = put_wave(warehouse, folder, "transactional", due)
    before = put_invitations(warehouse, wave, ["C1", "C4"], due, in_queue=False)
    with warehouse.begin() as connection:
        ledger.record_all(connection, [ledger.Event(one, "sent", due - DAY, "invitation") for one in before])
    put_wave(warehouse, folder, "transactional", due, name="w2")
    # Meanwhile C4 asked never to be contacted.
    put(warehouse, "customers", [customer("C4", do_not_contact="asked")], loaded_at=NOW + 2 * DAY)
    delivery.send_due(warehouse, folder, clock=lambda: due + DAY, workers=1)
    assert mail.recipients() == ["c1@example.org"]

    # The answer comes back to the order, through its invitation.
    asked = """
        select invitation_id from ops.work_order_events inner join ops.work_orders using (order_id)
        where customer_id = 'C1' and event = 'recovery_asked'
    """
    ((invitation_id,),) = rows(warehouse, asked)
    with warehouse.begin() as connection:
        said = "insert into pii.survey_submissions (invitation_id, score, is_complete, locale) values (:id, 9, true, 'en')"
        connection.execute(sa.text(said), {"id": invitation_id})
    collect.close_batch(warehouse, folder, now=due + 2 * DAY)
    tied = """
        select orders.customer_id, orders.close_reason, answers.score, answers.programme
        from ops.work_orders as orders
        inner join ops.work_order_events as events using (order_id)
        inner join raw.survey_responses as answers on cast(events.invitation_id as text) = answers.invitation_id
    """
    assert rows(warehouse, tied) == [("C1", "resolved", 9, "recovery")]

    # Reopened and resolved again, it is not asked about again.
    ((order_id,),) = rows(warehouse, "select order_id from ops.work_orders where customer_id = 'C1'")
    with warehouse.begin() as connection:
        orders.reopen(connection, order_id, folder=folder, command_id=uuid4(), actor="ANN", at=due + 3 * DAY, reason="not_solved")
    resolve(warehouse, folder, 1)
    assert keep_time(warehouse, folder, now=due + 12 * DAY)["recovery_surveys"] == 0
    with warehouse.connect() as connection:
        assert ledger.contradictions(connection) == []


def test_nobody_is_asked_whether_all_is_well_while_it_is_not(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # "Are you happy now?" in the middle of the next complaint is worse than no survey.
    resolve(warehouse, folder, 1)
    land(warehouse, answer("B1", 1, 1, responded_at=NOW + DAY, updated_at=NOW + DAY))
    run(warehouse, folder, NOW + DAY)
    assert keep_time(warehouse, folder, now=NOW + 8 * DAY)["recovery_surveys"] == 0
    resolve(warehouse, folder, 1)
    assert keep_time(warehouse, folder, now=NOW + 8 * DAY)["recovery_surveys"] == 1, "once, though two orders were resolved"
    reasons = "select event, reason from ops.work_order_events where event like 'recovery%' order by 1"
    assert rows(warehouse, reasons) == [("recovery_asked", None), ("recovery_left_out", "another_interaction")]


def test_the_exemption_is_for_the_recovery_survey_alone(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A survey of the same programme that no order asked for, and one of another, keep their distance as ever.
    for programme, number in (("recovery", 5), ("transactional", 6)):
        earlier = put_wave(warehouse, folder, "transactional" if programme == "recovery" else "recovery", NOW - DAY, name="before")
        (sent,) = put_invitations(warehouse, earlier, [f"C{number}"], NOW - DAY, in_queue=False)
        with warehouse.begin() as connection:
            ledger.record(connection, sent, "sent", message="invitation", occurred_at=NOW - DAY)
        put_invitations(warehouse, put_wave(warehouse, folder, programme, NOW, name="now"), [f"C{number}"], NOW)
    result = delivery.send_due(warehouse, folder, clock=lambda: NOW, workers=1)
    assert dict(result.not_sent) == {"quarantine_any": 2}
