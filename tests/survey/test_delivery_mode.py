"""Sending is safe by default: a copy of the database, a laptop with the live settings, and a backfill write to no customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.mail_server import MailServer
from tests.survey.people import customer, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import delivery, mode
from shopkeeper.survey.smtp import MailServer as Address
from shopkeeper.warehouse.survey_tables import WAVE_EVENTS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MailServer, MailServer]]:
    """(live, sandbox); the environment says live and names both."""
    monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", "1:a-secret-of-more-than-24-characters")
    with MailServer() as live, MailServer() as sandbox:
        monkeypatch.setenv("SMTP_URL", live.url)
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", sandbox.url)
        monkeypatch.delenv("SHOPKEEPER_SANDBOX_ALLOW", raising=False)
        monkeypatch.delenv("SHOPKEEPER_INSTANCE_ID", raising=False)
        monkeypatch.setenv("SHOPKEEPER_DELIVERY", "live")
        yield live, sandbox


@pytest.fixture
def folder(make_programmes: MakeProgrammes) -> CompanyFolder:
    return make_programmes(nps={})


def own_id(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(sa.text("select instance_id from ops.instance")))


def invite(engine: sa.Engine, folder: CompanyFolder, *, of: str = "live", approved: bool = True) -> None:
    put(engine, "customers", [customer("A")])
    wave = put_wave(engine, folder, "nps", NOON, delivery=of)
    put_invitations(engine, wave, ["A"], NOON)
    if approved:
        with engine.begin() as connection:
            connection.execute(sa.insert(WAVE_EVENTS).values(wave_id=wave, event="approved", actor="ann", recorded_at=NOON))


def send(engine: sa.Engine, folder: CompanyFolder, **options: object) -> delivery.Sent:
    return delivery.send_due(engine, folder, clock=lambda: NOON, **options)  # type: ignore[arg-type]


def test_live_needs_this_very_database(
    warehouse: sa.Engine, folder: CompanyFolder, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A restored backup has a new id, and a laptop another database; both hold real customers and invitations that are due.
    live, sandbox = servers
    invite(warehouse, folder)
    with pytest.raises(ShopkeeperError, match="is not set, and live delivery needs it"):
        send(warehouse, folder)
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    with warehouse.begin() as connection:  # what restoring a backup does
        connection.execute(sa.text("update ops.instance set instance_id = gen_random_uuid()"))
    with pytest.raises(ShopkeeperError, match="names another database than this one"):
        send(warehouse, folder)
    assert live.mails == sandbox.mails == []
    with warehouse.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from ops.invitation_events")) == 0
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    assert send(warehouse, folder).ended["sent"] == 1
    assert (live.recipients(), sandbox.mails) == (["a@example.org"], [])


def test_live_waits_for_approval_and_never_looks_back(
    warehouse: sa.Engine, folder: CompanyFolder, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A first wave that nobody has looked at, a backfill, and a scheduler that catches up after a night must not write to anybody.
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    invite(warehouse, folder, approved=False)
    assert send(warehouse, folder).ended["sent"] == 0
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "insert into ops.wave_events (wave_id, event, actor, recorded_at) select wave_id, 'approved', 'ann', now() from ops.waves"
            )
        )
    assert send(warehouse, folder, is_backfill=True).summary()["why_nothing"] == "a backfill sends nothing"
    assert "7 hours behind" in send(warehouse, folder, as_of=NOON - timedelta(hours=7)).summary()["why_nothing"]
    assert servers[0].mails == []
    assert send(warehouse, folder, as_of=NOON - timedelta(hours=6)).ended["sent"] == 1


def test_after_an_outage_nobody_is_woken_up(
    warehouse: sa.Engine, folder: CompanyFolder, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sending stood still from Friday noon to Friday night. What was due waits for Monday's window, on each customer's own clock.
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    friday, night = datetime(2026, 3, 27, 8, tzinfo=UTC), datetime(2026, 3, 27, 22, tzinfo=UTC)
    put(
        warehouse, "customers", [customer("Berlin"), customer("Lima", timezone="America/Lima"), customer("Nowhere", timezone="Mars/Crater")]
    )
    wave = put_wave(warehouse, folder, "nps", friday, delivery="live")
    put_invitations(warehouse, wave, ["Berlin", "Lima", "Nowhere"], friday)
    with warehouse.begin() as connection:
        connection.execute(sa.insert(WAVE_EVENTS).values(wave_id=wave, event="approved", actor="ann", recorded_at=friday))
    assert delivery.send_due(warehouse, folder, clock=lambda: night).summary()["put_off"] == 3
    with warehouse.connect() as connection:
        query = "select customer_id, queue.due_at from ops.send_queue as queue inner join ops.invitations using (invitation_id)"
        due = {row.customer_id: row.due_at.isoformat() for row in connection.execute(sa.text(query))}
    # On the Sunday between, Europe sets its clocks forward: five in the morning comes an hour earlier by UTC.
    assert due == {"Berlin": "2026-03-30T03:00:00+00:00", "Lima": "2026-03-30T10:00:00+00:00", "Nowhere": "2026-03-30T03:00:00+00:00"}
    assert servers[0].mails == []
    monday = datetime(2026, 3, 30, 3, tzinfo=UTC)
    assert delivery.send_due(warehouse, folder, clock=lambda: monday).ended["sent"] == 2


def test_a_wave_stays_in_the_mode_that_it_was_drawn_for(
    warehouse: sa.Engine, folder: CompanyFolder, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody runs the live machine once without its settings. The wave must neither go to the sandbox nor be spent by that.
    live, sandbox = servers
    invite(warehouse, folder)
    monkeypatch.delenv("SHOPKEEPER_DELIVERY")
    send(warehouse, folder)
    assert sandbox.mails == []
    monkeypatch.setenv("SHOPKEEPER_DELIVERY", "live")
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    send(warehouse, folder)
    assert live.recipients() == ["a@example.org"]


def test_the_sandbox_reaches_nobody_by_mistake(
    warehouse: sa.Engine, folder: CompanyFolder, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody points the sandbox at the company's real relay to see an e-mail on a phone: only listed addresses may get one.
    live, sandbox = servers
    invite(warehouse, folder, of="sandbox")
    monkeypatch.setenv("SHOPKEEPER_DELIVERY", "sandbox")
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", "smtp://relay.example.org")
    with pytest.raises(ShopkeeperError, match="might deliver to customers"):
        send(warehouse, folder)
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", sandbox.url)
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_ALLOW", "ann@brunnenhof.example")
    assert send(warehouse, folder).not_sent == {"not_on_sandbox_list": 1}
    assert live.mails == sandbox.mails == []


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"SHOPKEEPER_DELIVERY": "Live!"}, "neither sandbox nor live"),
        ({"SMTP_URL": ""}, "needs a mail server"),
        ({"SMTP_URL": "mail.example.org:25"}, "no URL of a mail server"),
        ({"SMTP_URL": "smtp://me:secret-word@mail.example.org?tls=none"}, "password unencrypted"),
    ],
)
def test_half_set_is_a_mistake_and_never_live(
    warehouse: sa.Engine, servers: tuple[MailServer, MailServer], monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], mistake: str
) -> None:
    # Guessing what was meant either way sends to customers by accident, or not at all without anybody noticing.
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", own_id(warehouse))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with warehouse.connect() as connection, pytest.raises(ShopkeeperError, match=mistake) as error:
        mode.current(connection)
    assert "secret-word" not in str(error.value)


def test_tls_is_the_rule_off_this_machine() -> None:
    # Leaving TLS to chance would send names, addresses and survey links in the clear for years before somebody looks.
    def tls(url: str) -> tuple[str, int]:
        parsed = Address.parse(url, "SMTP_URL")
        return parsed.tls, parsed.port

    assert tls("smtp://mail.example.org") == ("starttls", 587)
    assert tls("smtps://mail.example.org") == ("tls", 465)
    assert tls("smtp://127.0.0.1:1025") == ("none", 1025)
    assert tls("smtp://inbox:1025?tls=none") == ("none", 1025)
