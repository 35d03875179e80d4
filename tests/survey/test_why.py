"""An auditor, or the customer herself, asks why she was asked, or never was."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.survey.conftest import MakeProgrammes
from tests.survey.people import customer, interaction, put

from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import ledger
from shopkeeper.survey.sampling import draw
from shopkeeper.survey.why import why

MONDAY = datetime(2026, 1, 5, 1, tzinfo=UTC)


def test_the_whole_story_is_told_in_order_and_names_nobody(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", [customer("C1", email="erna@berg.example", full_name="Erna Berg"), customer("C2", email=None)])
    put(warehouse, "interactions", [interaction("I1", "C1", MONDAY - timedelta(days=1))])
    put(
        warehouse,
        "survey_invitations",
        [{"invitation_id": "H1", "customer_id": "C1", "programme": "old", "sent_at": MONDAY - timedelta(300)}],
    )
    folder = make_programmes(
        claims={"kind": "transactional", "after": {"interaction_types": ["claim"]}},
        relationship={"quarantine_days": 100},
    )
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    with warehouse.begin() as connection:
        invitation = connection.scalar(sa.text("select invitation_id from ops.invitations"))
        ledger.record(connection, invitation, "sent", message="invitation", code="250", occurred_at=MONDAY + timedelta(hours=5))
        block = """
            insert into pii.contact_blocks (kind, address_hash, reason, blocked_by, blocked_at)
            values ('complaint', encode(sha256('erna@berg.example'), 'hex'), 'Erna Berg is cross', 'desk', :at)
        """
        connection.execute(sa.text(block), {"at": MONDAY + timedelta(days=2)})
    answer = {"native_id": str(invitation), "provider": "shopkeeper", "invitation_id": str(invitation), "programme": "claims", "score": 3}
    put(warehouse, "survey_responses", [{**answer, "verbatim": "Never again, says Erna", "responded_at": MONDAY + timedelta(days=1)}])

    story = why(warehouse, "C1", known_at=MONDAY + timedelta(days=9))
    told = [(line.kind, line.about, line.what) for line in story.lines]
    assert [kind for kind, _, _ in told] == ["history", "frame", "frame", "invitation", "event", "answer", "block"]
    assert told[1] == ("frame", "claims/2026-01-05T01:00:00Z", "drawn (interaction I1): chance 100 %")
    assert told[2][2] == "turned away: an invitation of another programme is too near [quarantine_any]"
    assert told[4][2] == "invitation sent (250)"
    assert told[5][2] == "answered through shopkeeper: score 3 of 0-10"
    assert "the e-mail address is not contacted" in told[6][2]
    assert not any(word in str(story).lower() for word in ("erna", "berg", "cross", "again"))

    assert "no e-mail address is known" in why(warehouse, "C2", known_at=MONDAY).standing
    with pytest.raises(ShopkeeperError, match="nothing is known"):
        why(warehouse, "c1", known_at=MONDAY)


def test_what_an_employee_was_asked_is_in_nobodys_story(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # An employee's id may be a customer's too; the employee survey promises to stay unknown to whoever asks about customers.
    put(warehouse, "customers", [customer("7")])
    put(warehouse, "employees", [{"employee_id": "7", "email": "seven@work.example"}])
    staff = {"kind": "employee", "cadence": {"every_days": 30, "starts_on": date(2026, 1, 1)}}
    draw(warehouse, make_programmes(staff=staff), as_of=MONDAY, now=MONDAY)
    assert why(warehouse, "7", known_at=MONDAY).lines == ()
