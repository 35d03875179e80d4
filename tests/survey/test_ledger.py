"""The ledger: events only ever added, states that follow from them, and doubtful messages that only a person settles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave

from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import ledger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def states(engine: sa.Engine) -> dict[str, str]:
    query = f"select customer_id, states.state from ({ledger.INVITATION_STATES}) as states inner join ops.invitations using (invitation_id)"
    with engine.connect() as connection:
        return {row.customer_id: row.state for row in connection.execute(sa.text(query))}


def test_the_event_that_tells_most_is_the_state(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # A bounced reminder, or a late "opened", must not hide that the customer has answered; a retry must not look sent.
    stories = {
        "A": [],
        "B": [("claimed", "invitation"), ("sending", "invitation"), ("deferred", "invitation")],
        "C": [("sending", "invitation"), ("sent", "invitation"), ("completed", None), ("opened", None)],
        "D": [("sending", "invitation"), ("sent", "invitation"), ("not_sent", "reminder")],
        "E": [("sending", "invitation"), ("doubtful", "invitation"), ("started", None)],
        "F": [("sending", "invitation"), ("doubtful", "invitation"), ("released", "invitation")],
        "G": [("sending", "invitation"), ("sent", "invitation"), ("expired", None), ("refused", "reminder")],
    }
    wave = put_wave(warehouse, make_programmes(nps={}), "nps", NOON)
    ids = put_invitations(warehouse, wave, list(stories), NOON)
    with warehouse.begin() as connection:
        for invitation, story in zip(ids, stories.values(), strict=True):
            for event, message in story:
                ledger.record(connection, invitation, event, message=message, occurred_at=NOON)  # type: ignore[arg-type]
    assert states(warehouse) == {
        "A": "waiting", "B": "waiting", "C": "completed", "D": "sent", "E": "started", "F": "waiting", "G": "expired",
    }  # fmt: skip


def test_events_from_a_query_are_recorded_once(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # The step that records expiry, or reads a provider's events, runs again after a crash: nothing may be told twice.
    wave = put_wave(warehouse, make_programmes(nps={}), "nps", NOON)
    put_invitations(warehouse, wave, ["A", "B"], NOON)
    query = "select invitation_id, 'expired', expires_at from ops.invitations where expires_at <= :now"
    columns = ("invitation_id", "event", "occurred_at")
    late = NOON + timedelta(days=31)
    for expected in (2, 0):
        with warehouse.begin() as connection:
            assert ledger.record_many(connection, columns, query, {"now": late}, once=True) == expected


def test_only_a_person_settles_what_is_doubtful(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Sending a doubtful e-mail again by itself asks some customers twice; forgetting it loses the others.
    wave = put_wave(warehouse, make_programmes(nps={}), "nps", NOON)
    was_sent, lost, fine = put_invitations(warehouse, wave, ["A", "B", "C"], NOON, in_queue=False)
    with warehouse.begin() as connection:
        for invitation in (was_sent, lost):
            ledger.record(connection, invitation, "doubtful", message="invitation", reason="the sender died", occurred_at=NOON)
        ledger.record(connection, fine, "sent", message="invitation", occurred_at=NOON)
    assert [doubtful.customer_id for doubtful in ledger.list_doubtful(warehouse)] == ["A", "B"]

    ledger.release(warehouse, was_sent, was_sent=True, actor="ann", now=NOON)
    ledger.release(warehouse, lost, was_sent=False, actor="ann", now=NOON)
    assert ledger.list_doubtful(warehouse) == []
    assert states(warehouse) == {"A": "sent", "B": "waiting", "C": "sent"}
    with warehouse.connect() as connection:
        assert connection.scalars(sa.text("select invitation_id from ops.send_queue")).all() == [lost]
        assert ledger.contradictions(connection) == []
    with pytest.raises(ShopkeeperError, match="is not doubtful"):
        ledger.release(warehouse, lost, was_sent=False, actor="bob", now=NOON)
