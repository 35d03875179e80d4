"""Sending over real SMTP: what servers refuse, delay or leave in doubt, and what has changed since the wave was drawn."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.survey import mail_server
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.mail_server import MailServer
from tests.survey.people import customer, interaction, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import claims, control, delivery, ledger, packet, recheck, smtp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAST = {"name": "Brunnenhof", "address": "service@brunnenhof.example", "per_second": 10000}


@pytest.fixture
def folder(make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CompanyFolder:
    for name in ("SHOPKEEPER_DELIVERY", "SHOPKEEPER_INSTANCE_ID", "SMTP_URL", "SHOPKEEPER_SANDBOX_ALLOW"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", "1:a-secret-of-more-than-24-characters")
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "home"))
    return make_programmes(
        sender=FAST,
        nps={"locales": ["en", "de"]},
        claims={"kind": "transactional", "after": {"interaction_types": ["claim"]}},
        quarantine={"any_programme_days": 30},
    )


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as mail:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
        yield mail


def send(engine: sa.Engine, folder: CompanyFolder, now: datetime = NOON, **options: object) -> delivery.Sent:
    return delivery.send_due(engine, folder, clock=lambda: now, **options)  # type: ignore[arg-type]


def told(engine: sa.Engine) -> dict[str, str]:
    """Customer → the latest sending event of the invitation, with its reason or code."""
    query = f"""
        select coalesce(customer_id, employee_id) as person, latest_event || coalesce(' ' || coalesce(reason, code), '') as fate
        from ({ledger.MESSAGE_STATES}) as states inner join ops.invitations using (invitation_id)
    """
    with engine.connect() as connection:
        assert ledger.contradictions(connection) == []
        return {row.person: row.fate for row in connection.execute(sa.text(query))}


def wave_of(engine: sa.Engine, folder: CompanyFolder, people: list[dict[str, object]], **columns: object) -> list[UUID]:
    """These customers, put into the warehouse and invited in one wave of `nps`."""
    put(engine, "customers", people)
    ids = [str(person["customer_id"]) for person in people]
    return put_invitations(engine, put_wave(engine, folder, "nps", NOON), ids, NOON, **columns)


def test_every_server_answer_has_its_own_end(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A server that refuses half must not hold up the other half; an address that does not exist must not be tried again;
    # and what may have been accepted must never be sent again by itself.
    replies = {
        "gone@example.org": "550 5.1.1 no such user",
        "spam@example.org": "550 5.7.1 we do not like you",
        "full@example.org": "452 4.2.2 mailbox full",
        "lost@example.org": mail_server.DIE_AFTER_DATA,
        "kept@example.org": mail_server.KEEP_AND_DIE,
    }
    mail.script = lambda recipient: replies.get(recipient, mail_server.ACCEPT)
    people = [customer(name, email=f"{name}@example.org") for name in ("gone", "fine", "spam", "full", "lost", "kept", "good")]
    wave_of(warehouse, folder, people)
    summary = send(warehouse, folder, workers=1).summary()
    assert told(warehouse) == {
        "gone": "refused 550 5.1.1",
        "fine": "sent 250 2.0.0",
        "spam": "refused 550 5.7.1",
        "full": "deferred 452 4.2.2",
        "lost": "doubtful connection lost while it was handed over",
        "kept": "doubtful connection lost while it was handed over",
        "good": "sent 250 2.0.0",
    }
    assert summary == {"delivery": "sandbox", "sent": 2, "refused": 2, "deferred": 1, "doubtful": 2, "put_off": 0, "not_sent": {}}
    assert {doubtful.customer_id for doubtful in ledger.list_doubtful(warehouse)} == {"lost", "kept"}
    # The mailbox that is not there is never written to again, by hash; the one that calls us spam may take others.
    assert [(block.kind, block.customer_id) for block in control.list_blocks(warehouse)] == [("hard_bounce", None)]
    send(warehouse, folder)
    assert sorted(mail.recipients()) == ["fine@example.org", "good@example.org", "kept@example.org"]


def test_three_temporary_refusals_are_final(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A mailbox that is always full would otherwise be tried every quarter of an hour until the invitation expires.
    mail.script = lambda recipient: "452 4.2.2 mailbox full"
    wave_of(warehouse, folder, [customer("A")])
    now, seen = NOON, []
    for _ in range(4):
        send(warehouse, folder, now)
        seen.append(told(warehouse)["A"].split()[0])
        now += timedelta(hours=5)
    assert seen == ["deferred", "deferred", "refused", "refused"]
    assert [block.kind for block in control.list_blocks(warehouse)] == ["soft_bounces"]


def test_a_dead_or_dying_server_loses_nothing(
    warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch, mail: MailServer
) -> None:
    # A night without a mail server must cost a delay, not a wave: nothing is spent, and the operator is told what is wrong.
    wave_of(warehouse, folder, [customer("A"), customer("B")])
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", f"smtp://127.0.0.1:{mail_server.dead_port()}")
    with pytest.raises(ShopkeeperError, match="nothing listens there"):
        send(warehouse, folder)
    assert told(warehouse) == {}
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
    mail.script = lambda recipient: mail_server.DIE_BEFORE_DATA
    with pytest.raises(ShopkeeperError, match="breaks off"):
        send(warehouse, folder, workers=1)
    assert set(told(warehouse).values()) == {"released"}
    mail.script = lambda recipient: mail_server.ACCEPT
    assert send(warehouse, folder).ended["sent"] == 2


def test_a_server_that_refuses_everybody_does_not_use_up_a_wave(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Our address has come on a block list: two thousand customers must not be lost to this wave before anybody looks.
    mail.script = lambda recipient: "554 5.7.1 relay access denied"
    wave_of(warehouse, folder, [customer(f"C{number}") for number in range(70)])
    with pytest.raises(ShopkeeperError, match=r"refuses every e-mail \(554 5.7.1\)"):
        send(warehouse, folder)
    fates = list(told(warehouse).values())
    assert 20 <= fates.count("refused 554 5.7.1") <= 40
    assert control.list_blocks(warehouse) == ()
    mail.script = lambda recipient: mail_server.ACCEPT
    assert send(warehouse, folder).ended["sent"] == 70 - fates.count("refused 554 5.7.1")


def test_a_slow_server_leaves_a_doubt_and_is_not_waited_for_for_ever(
    warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch, mail: MailServer
) -> None:
    # A server that takes the message and never answers may have delivered it: the customer must not get a second one.
    monkeypatch.setattr(smtp, "ACCEPT_SECONDS", 0.2)
    mail.delay = 1
    wave_of(warehouse, folder, [customer("A")])
    send(warehouse, folder)
    mail.delay = 0
    send(warehouse, folder)
    assert told(warehouse)["A"].startswith("doubtful")


def test_tls_with_login_and_a_checked_certificate(
    warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Customers' names and addresses must not travel in the clear, nor to a server that only says it is ours.
    certificate, key = mail_server.certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def authenticator(server: object, session: object, envelope: object, mechanism: str, data: object) -> object:
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=(data.login, data.password) == (b"us", b"p@ss:word"), handled=False)  # type: ignore[attr-defined]

    wave_of(warehouse, folder, [customer("A"), customer("B"), customer("C")])
    settings = {"tls_context": context, "require_starttls": True, "authenticator": authenticator, "auth_required": True}
    with MailServer(**settings) as server:  # type: ignore[arg-type]
        address = f"localhost:{server.port}?tls=starttls"
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", f"smtp://us:p%40ss%3Aword@{address}")
        with pytest.raises(ShopkeeperError, match="certificate is not valid"):
            send(warehouse, folder)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", f"smtp://us:wrong@{address}")
        with pytest.raises(ShopkeeperError, match="refuses the login") as refused:
            send(warehouse, folder)
        assert "wrong" not in str(refused.value)
        server.connections = 0
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", f"smtp://us:p%40ss%3Aword@{address}")
        assert send(warehouse, folder, workers=1).ended["sent"] == 3
        assert server.connections == 2, "one connection (EHLO before and after STARTTLS) serves every e-mail of a worker"


def test_what_has_changed_since_the_draw(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Days lie between draw and send. Whoever opted out, died, left, was blocked or turned out to have no usable address meanwhile
    # must not be written to, and each case must say which it was.
    names = ("fine", "erased", "opted", "called", "staffer", "blocked", "hashed", "nowhere", "crooked", "injector", "merged")
    ids = wave_of(warehouse, folder, [customer(name, email=f"{name}@example.org") for name in names])
    later = [
        customer("opted", email="opted@example.org", opted_out=True),
        customer("called", email="called@example.org", do_not_contact="legal dispute"),
        customer("staffer", email="staffer@example.org", is_staff=True),
        customer("nowhere", email=None),
        customer("crooked", email="crooked@example.org, other@example.org"),
        customer("injector", email="injector@example.org", full_name="Eve\r\nBcc: all@example.org\r\n\r\nBuy"),
        customer("merged", email="merged@example.org", merged_into="fine"),
    ]
    put(warehouse, "customers", later)
    put(warehouse, "customers", [customer("erased")], deleted=True)
    control.block(warehouse, customer_id="blocked", reason="asked us", actor="ann", now=NOON)
    control.block(warehouse, address="HASHED@Example.org", reason="asked us", actor="ann", now=NOON)
    send(warehouse, folder)
    assert told(warehouse) == {
        "fine": "sent 250 2.0.0",
        "erased": "not_sent gone",
        "opted": "not_sent opted_out",
        "called": "not_sent do_not_contact",
        "staffer": "not_sent staff",
        "blocked": "not_sent blocked",
        "hashed": "not_sent blocked",
        "nowhere": "not_sent no_email",
        "crooked": "not_sent malformed_email",
        "injector": "sent 250 2.0.0",
        "merged": "not_sent merged",
    }
    (injected,) = [message for message in mail.messages() if "injector" in str(message["To"])]
    assert injected["Bcc"] is None
    assert injected["To"].addresses[0].display_name == "Eve Bcc: all@example.org Buy"
    assert sorted(mail.recipients()) == ["fine@example.org", "injector@example.org"]
    assert len(ids) == len(names)


def test_quarantine_is_judged_again_by_what_was_sent(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A paused programme sends weeks late; meanwhile another has asked the same customers. By due dates all was well.
    put(warehouse, "customers", [customer(name) for name in ("A", "B", "C", "D", "E", "F", "old-E", "old-F")])
    put(
        warehouse,
        "survey_invitations",
        [
            {"invitation_id": f"x{one}", "customer_id": one, "programme": "old", "sent_at": NOON - timedelta(days=3)}
            for one in ("D", "old-F")
        ],
    )
    first = put_wave(warehouse, folder, "claims", NOON)
    put_invitations(warehouse, first, ["A", "old-E"], NOON)
    put_invitations(warehouse, first, ["B"], NOON - timedelta(days=29, hours=12))
    send(warehouse, folder, NOON - timedelta(days=29, hours=12))
    send(warehouse, folder)
    put(warehouse, "customers", [customer(f"old-{one}", merged_into=one) for one in "EF"])
    late = put_wave(warehouse, folder, "nps", NOON)
    put_invitations(warehouse, late, ["A", "B", "C", "D", "E", "F"], NOON)
    send(warehouse, folder)
    with warehouse.connect() as connection:
        query = f"""
            select customer_id, latest_event, reason from ({ledger.MESSAGE_STATES}) as states
            inner join ops.invitations using (invitation_id) where programme = 'nps'
        """
        fates = {row.customer_id: (row.latest_event, row.reason) for row in connection.execute(sa.text(query))}
    assert fates["A"] == ("not_sent", "quarantine_any")
    assert fates["B"] == ("released", "quarantine_any"), "it ends within a day, so the invitation waits for that"
    assert fates["C"][0] == "sent"
    assert fates["D"] == ("not_sent", "quarantine_any"), "sends that other systems made count too"
    assert fates["E"] == fates["F"] == ("not_sent", "quarantine_any"), "and those to a record that turned out to be the same person"
    assert send(warehouse, folder, NOON + timedelta(hours=12, seconds=1)).ended["sent"] == 1


def test_pause_stops_a_run_that_is_under_way(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Something is wrong with the text, and a thousand e-mails are on their way: pause must not wait for the run to end.
    mail.delay = 0.05
    wave_of(warehouse, folder, [customer(f"C{number}") for number in range(60)])
    run = threading.Thread(target=lambda: send(warehouse, folder))
    run.start()
    while len(mail.mails) < 5:
        time.sleep(0.01)
    control.pause(warehouse, programme=None, reason="wrong text", actor="ann", now=NOON)
    run.join(10)
    assert not run.is_alive()
    assert 5 <= len(mail.mails) < 15
    assert send(warehouse, folder).summary()["sent"] == 0
    control.resume(warehouse, programme=None, actor="ann", now=NOON)
    mail.delay = 0
    send(warehouse, folder)
    assert sorted(mail.recipients()) == sorted(f"c{number}@example.org" for number in range(60))


def test_one_bad_template_stops_the_run_and_one_bad_customer_does_not(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer
) -> None:
    # A slip in a company's template must not use up a wave; a template that one odd customer breaks must not hold up the rest.
    templates = folder.folder / "templates"
    templates.mkdir()
    wave_of(warehouse, folder, [customer("A", full_name="Ann"), customer("B", full_name="Mononym"), customer("C", full_name="Cy Lee")])
    (templates / "survey_email.txt.j2").write_text("{% if %}")
    with pytest.raises(ShopkeeperError, match=r"survey_email\.txt\.j2 line 1"):
        send(warehouse, folder)
    (templates / "survey_email.txt.j2").write_text("{{ interaction.outcome }}")
    with pytest.raises(ShopkeeperError, match="does not work: 'None' has no attribute 'outcome'"):
        send(warehouse, folder)
    assert told(warehouse) == {}
    (templates / "survey_email.txt.j2").write_text("{{ 1 // (name != 'Mononym') }} Dear {{ name }}: {{ link }}")
    send(warehouse, folder)
    assert told(warehouse) == {"A": "sent 250 2.0.0", "B": "not_sent template_failed", "C": "sent 250 2.0.0"}
    assert all(message.get_body(("plain",)).get_content().startswith("1 Dear") for message in mail.messages())


def test_a_programme_changed_in_the_middle_of_a_wave(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, make_programmes: MakeProgrammes
) -> None:
    # Half of a wave asked in other words than the other half is no measurement.
    wave_of(warehouse, folder, [customer("A")])
    changed = make_programmes(sender=FAST, nps={"locales": ["en"], "questions": {"score": {"text": {"en": "New words?"}}}})
    send(warehouse, changed)
    (message,) = mail.messages()
    text = message.get_body(("plain",)).get_content()
    assert "New words?" not in text
    assert "recommend Brunnenhof" in text


def test_the_packet_names_what_happened(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # "About your claim" without day and place leaves a customer with two claims guessing which one the score is for.
    put(warehouse, "customers", [customer("A", full_name="Anna Löwe", locale="de-DE")])
    put(warehouse, "org_units", [{"org_unit_id": "T1", "valid_from": None, "kind": "team", "name": "Team Altona"}])
    moment = datetime(2026, 2, 27, 23, 30, tzinfo=UTC)  # the 28th in Berlin
    put(warehouse, "interactions", [interaction("I1", "A", moment, org_unit_id="T1"), interaction("I2", "A", moment - timedelta(days=9))])
    wave = put_wave(warehouse, folder, "claims", NOON)
    put_invitations(warehouse, wave, ["A"], NOON, interactions=["I1"], locale="de")
    send(warehouse, folder)
    (message,) = mail.messages()
    assert message["Subject"] == "Eine Frage an Sie: Ihr Schadenfall vom 28. Februar mit Team Altona"
    assert "Guten Tag Anna Löwe," in message.get_body(("plain",)).get_content()


def test_the_clock_set_back(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # After a clock was set back, what has been sent lies in the future; nobody may be asked a second time for that.
    put(warehouse, "customers", [customer("A")])
    put_invitations(warehouse, put_wave(warehouse, folder, "nps", NOON), ["A"], NOON)
    send(warehouse, folder)
    earlier = NOON - timedelta(days=2)
    put_invitations(warehouse, put_wave(warehouse, folder, "claims", earlier), ["A"], earlier)
    send(warehouse, folder, earlier)
    assert mail.recipients() == ["a@example.org"]


def test_rate_limit_holds_over_all_workers(
    warehouse: sa.Engine, make_programmes: MakeProgrammes, mail: MailServer, folder: CompanyFolder
) -> None:
    # A relay that allows 20 a second blocks us for an hour when two workers send 20 each.
    slow = make_programmes(sender={**FAST, "per_second": 20}, nps={})
    wave_of(warehouse, slow, [customer(f"C{number}") for number in range(11)])
    began = time.monotonic()
    send(warehouse, slow, workers=4)
    assert time.monotonic() - began >= 0.5
    assert len(mail.mails) == 11


def test_two_customers_who_come_to_share_an_address_get_one_email(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Days lie between draw and send: who moves in with a partner, and takes over the address, must not be asked in the partner's mail.
    wave_of(warehouse, folder, [customer("A", email="both@example.org"), customer("B", email="b@example.org")])
    put(warehouse, "customers", [customer("B", email="Both@Example.org", updated_at=NOON)])
    send(warehouse, folder)  # two senders at once
    assert sorted(fate.split()[0] for fate in told(warehouse).values()) == ["not_sent", "sent"]
    assert "not_sent quarantine_programme" in told(warehouse).values()
    # What counts is where an e-mail went: the two have moved on since, and somebody else has the address.
    put(warehouse, "customers", [customer("C", email="both@example.org")])
    put(warehouse, "customers", [customer(each, email=f"{each}@example.org", updated_at=NOON + timedelta(days=1)) for each in "AB"])
    for name, programme, days, fate in (
        ("soon", "claims", 28, "not_sent quarantine_any"),
        ("late", "claims", 31, "sent 250 2.0.0"),
    ):
        at = NOON + timedelta(days=days)
        put_invitations(warehouse, put_wave(warehouse, folder, programme, at, name=name), ["C"], at)
        send(warehouse, folder, at)
        latest = f"""
            select latest_event || ' ' || coalesce(reason, code) from ({ledger.MESSAGE_STATES}) as states
            inner join ops.invitations using (invitation_id) inner join ops.waves using (wave_id) where waves.name = :name
        """
        with warehouse.connect() as connection:
            assert connection.scalar(sa.text(latest), {"name": name}) == fate
            personal = connection.scalars(
                sa.text("select t::text from ops.invitation_events as t union select t::text from ops.invitations t")
            )
            assert "example.org" not in " ".join(personal)
    assert [address.lower() for address in mail.recipients()] == ["both@example.org"] * 2


def test_two_senders_at_one_address_look_one_after_the_other(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # Both would find that nothing has gone there yet, and both would send.
    wave_of(warehouse, folder, [customer("A", email="both@example.org"), customer("B", email=" BOTH@example.org")])
    programme, rules = folder.programmes.programmes["nps"], folder.programmes.quarantine
    with warehouse.connect() as one, warehouse.connect() as other:
        (first,), (second,) = (claims.claim(one, 1, provider="built_in", delivery="sandbox", now=NOON, size=1) for _ in range(2))
        packets = packet.gather(one, [first.invitation_id, second.invitation_id], NOON)
        one.commit()

        def look(connection: sa.Connection, claimed: claims.Claimed) -> recheck.Verdict:
            whom = packets[claimed.invitation_id]
            return recheck.judge(connection, claimed, whom, programme=programme, quarantine=rules, now=NOON)

        assert look(one, first).what == "send"
        recheck.begin(one, first, packets[first.invitation_id], now=NOON)
        other.execute(sa.text("set lock_timeout = '200ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            look(other, second)
        other.rollback()
        one.commit()
        assert look(other, second) == recheck.Verdict("not_sent", "quarantine_programme")
