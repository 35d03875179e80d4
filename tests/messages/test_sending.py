"""Sending to our own people over real SMTP: what is sent, what waits, what is never sent, and what stands in for a flood."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.messages.conftest import GoLive
from tests.messages.world import Chatroom, company, employees, fates, message, post
from tests.survey import mail_server
from tests.survey.mail_server import MailServer, dead_port
from tests.survey.people import employee, put

from shopkeeper.cli import main
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages import doubtful, outbox
from shopkeeper.messages.sending import Sent, is_quiet, send_due
from shopkeeper.survey import control

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)  # 23:00 in Berlin
HOUR = timedelta(hours=1)


def send(engine: sa.Engine, folder: CompanyFolder, now: datetime = NOON, **options: int) -> Sent:
    return send_due(engine, folder, clock=lambda: now, **options)


def subjects(mail: MailServer) -> list[str]:
    return sorted(str(one["Subject"]) for one in mail.messages())


def test_each_server_answer_has_its_own_end(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # An alert that may have arrived must not be sent again by itself; one that certainly did not must not be lost.
    replies = {
        "gone@work.example": "550 5.1.1 no such user",
        "full@work.example": "452 4.2.2 mailbox full",
        "lost@work.example": mail_server.DIE_AFTER_DATA,
        "kept@work.example": mail_server.KEEP_AND_DIE,
    }
    mail.script = lambda recipient: replies.get(recipient, mail_server.ACCEPT)
    names = ("GONE", "FULL", "LOST", "KEPT", "FINE")
    employees(warehouse, *names)
    today = NOON.date()
    moved = [employee("MOVED", valid_from=today + timedelta(days=at), email=f"{at}@work.example") for at in (-9, -2, 5)]
    put(warehouse, "employees", [employee("MUTE", email=None), employee("LEFT"), *moved])
    left = "insert into ops.directory (employee_id, leads, is_here) values ('FINE', true, true), ('LEFT', true, false)"
    with warehouse.begin() as connection:
        connection.execute(sa.text(left))
    told = (*names, "MUTE", "MOVED", "NOBODY", "LEFT")
    post(warehouse, *(message(name, NOON, to=name) for name in told), message("later", NOON + HOUR, to="FINE"))
    summary = send(warehouse, folder).summary()
    assert fates(warehouse) == {
        "GONE": "refused 550 5.1.1",
        "FULL": "deferred 452 4.2.2",
        "LOST": "doubtful connection lost while it was handed over",
        "KEPT": "doubtful connection lost while it was handed over",
        "FINE": "sent 250 2.0.0",
        "MUTE": "not_sent no_email",
        "MOVED": "sent 250 2.0.0",
        "NOBODY": "not_sent gone",
        "LEFT": "not_sent gone",
        "later": "waiting",
    }
    assert summary == {
        "delivery": "sandbox", "sent": 2, "refused": 1, "deferred": 1, "doubtful": 2, "not_sent": {"gone": 2, "no_email": 1},
        "digests": 0, "digested": 0,
    }  # fmt: skip
    now, seen = NOON, []
    for _ in range(5):
        now += 5 * HOUR
        send(warehouse, folder, now)
        seen.append(fates(warehouse)["FULL"].split()[0])
    assert seen == ["deferred", "deferred", "refused", "refused", "refused"]
    assert sorted(mail.recipients()) == ["-2@work.example", "fine@work.example", "fine@work.example", "kept@work.example"]


def test_an_hour_without_a_mail_server_costs_an_hour(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Everything that unhappy customers said in that hour must come through once it is back, and only once.
    employees(warehouse, "E1", "E2", "E3")
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", f"smtp://127.0.0.1:{dead_port()}")
    for minute in range(0, 60, 6):
        post(warehouse, message(minute, NOON + timedelta(minutes=minute), to=f"E{minute // 6 % 3 + 1}"))
        with pytest.raises(ShopkeeperError, match="nothing listens there"):
            send(warehouse, folder, NOON + timedelta(minutes=minute))
    monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
    dying = iter([mail_server.ACCEPT] * 3)
    mail.script = lambda recipient: next(dying, mail_server.DIE_BEFORE_DATA)
    with pytest.raises(ShopkeeperError, match="breaks off"):
        send(warehouse, folder, NOON + HOUR)
    mail.script = lambda recipient: mail_server.ACCEPT
    send(warehouse, folder, NOON + HOUR)
    assert set(fates(warehouse).values()) == {"sent 250 2.0.0"}
    listed = "".join(f"{one['Subject']}\n{one.get_body(('plain',)).get_content()}" for one in mail.messages())  # type: ignore[union-attr]
    assert [listed.count(f"title {minute}.") for minute in range(0, 60, 6)] == [1] * 10


def test_thousands_of_alerts_become_one_e_mail(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A storm makes four thousand unhappy customers in a night. Nobody opens four thousand e-mails, and the one to
    # somebody else must not wait behind them.
    employees(warehouse, "E1", "E2", "E3")
    flood(warehouse, 4000, lambda number: "E1" if number % 4 else "E2")
    post(warehouse, message("other", NOON, to="E3"), message("card", NOON, to="E1", kind="scorecard"))
    summary = send(warehouse, folder).summary()
    assert (summary["sent"], summary["digests"], summary["digested"]) == (4, 2, 4000)
    assert subjects(mail) == ["1,000 messages about your customers", "3,000 messages about your customers", "title card.", "title other."]
    large = next(one for one in mail.messages() if "3,000" in str(one["Subject"]))
    for kind in ("plain", "html"):
        body = large.get_body((kind,))
        assert body is not None
        text = body.get_content()
        # The most urgent stand first, with the customers' words; how many more there are stands below.
        assert text.index("title 1.") < text.index("words 1.") < text.index("title 2.")
        assert text.count("words ") == 100
        assert "2,900 more" in text
        assert len(text) < 102_000, "mail programs cut longer ones off"
    with warehouse.connect() as connection:
        of_digests = "select count(*) from ops.messages inner join ops.messages as digests on messages.digest_id = digests.message_id"
        assert connection.scalar(sa.text(f"{of_digests} where digests.kind = 'digest'")) == 4000
    assert send(warehouse, folder).summary()["sent"] == 0


def flood(engine: sa.Engine, count: int, to: Callable[[int], str]) -> None:
    """So many alerts, due at noon, written set by set."""
    rows = [
        {"id": one.message_id, "to": one.employee_id, "title": one.title, "body": one.body, "excerpt": one.excerpt, "at": one.due_at}
        for one in (message(number, NOON - timedelta(seconds=count - number), to=to(number)) for number in range(count))
    ]
    columns = "values (:id, 'alert', 'email', :to, :at, :at)"
    with engine.begin() as connection:
        connection.execute(sa.text(f"insert into ops.messages (message_id, kind, channel, employee_id, due_at, made_at) {columns}"), rows)
        connection.execute(sa.text("insert into pii.message_texts values (:id, :title, :body, null, :excerpt)"), rows)
        connection.execute(sa.text("insert into ops.message_queue (message_id, due_at) values (:id, :at)"), rows)


def test_at_night_only_what_is_urgent(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, go_live: GoLive) -> None:
    # A telephone that buzzes at three because somebody gave a six is switched off for good.
    employees(warehouse, "E1")
    post(warehouse, *(message(number, NIGHT) for number in range(8)), message("urgent", NIGHT, is_urgent=True))
    assert send(warehouse, folder, NIGHT).digested == 9, "the sandbox shows at any hour what would be sent"
    mail.mails.clear()
    go_live()
    post(warehouse, *(message(f"n{number}", NIGHT) for number in range(8)), message("now", NIGHT, is_urgent=True))
    send(warehouse, folder, NIGHT)
    send(warehouse, folder, NIGHT + 6 * HOUR)
    assert subjects(mail) == ["title now."], "what waits is not made into a digest before the morning either"
    send(warehouse, folder, NIGHT + 8 * HOUR)
    assert subjects(mail) == ["8 messages about your customers", "title now."]


def test_quiet_hours_go_by_the_company_s_clock(folder: CompanyFolder) -> None:
    # In summer Berlin is two hours ahead of UTC: whoever forgets it disturbs people for an hour.
    hours, zone = folder.closed_loop.quiet_hours, folder.company.zone
    quiet = [hour for hour in range(24) if is_quiet(hours, datetime(2026, 7, 1, hour, tzinfo=UTC), zone)]
    assert quiet == [0, 1, 2, 3, 4, 18, 19, 20, 21, 22, 23]
    by_day = hours.model_copy(update={"starts": hours.ends, "ends": hours.starts})
    assert [hour for hour in range(24) if is_quiet(by_day, datetime(2026, 7, 1, hour, tzinfo=UTC), zone)] == list(range(5, 18))
    never = hours.model_copy(update={"starts": hours.ends})
    assert not any(is_quiet(never, datetime(2026, 7, 1, hour, tzinfo=UTC), zone) for hour in range(24))


def test_a_pause_of_everything_stops_it_in_the_middle(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Somebody has seen that the wrong people are being told. What has not gone out by then must wait.
    employees(warehouse, *(f"E{number}" for number in range(9)))
    post(warehouse, *(message(number, NOON, to=f"E{number}") for number in range(9)))

    def script(recipient: str) -> str:
        if recipient == "e4@work.example" and not control.open_pauses(warehouse):
            control.pause(warehouse, programme=None, reason="wrong people", actor="ann", now=NOON)
        return mail_server.ACCEPT

    mail.script = script
    send(warehouse, folder)
    before = len(mail.mails)
    assert 0 < before < 9
    assert sorted(fates(warehouse).values()) == ["released"] * (9 - before) + ["sent 250 2.0.0"] * before
    send(warehouse, folder, NOON + HOUR)
    assert len(mail.mails) == before
    control.resume(warehouse, programme=None, actor="ann", now=NOON)
    send(warehouse, folder, NOON + HOUR)
    assert sorted(mail.recipients()) == [f"e{number}@work.example" for number in range(9)]


def test_the_sandbox_writes_to_nobody_real(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody tries the loop out on a copy of the live database: no colleague may be told, nor any chat.
    with Chatroom() as local:
        folder = company(folder.folder, chats={"far": {"url": "json://203.0.113.7/hook"}, "near": {"url": local.url}})
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_ALLOW", "e1@work.example")
        employees(warehouse, "E1", "E2")
        post(warehouse, message(1, NOON), message(2, NOON, to="E2"))
        post(warehouse, *(message(name, NOON, chat=name) for name in ("far", "near", "closed")))
        send(warehouse, folder)
    assert fates(warehouse) == {
        "1": "sent 250 2.0.0", "2": "not_sent not_on_sandbox_list", "far": "not_sent sandbox", "near": "sent",
        "closed": "not_sent no_such_chat",
    }  # fmt: skip
    assert local.said == [("title near.", "body near.")]


def test_what_is_said_to_people_stays_out_of_logs_and_ops(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, go_live: GoLive, caplog: pytest.LogCaptureFixture
) -> None:
    # Logs are read by many and kept for long; a customer's name or words in one of them cannot be taken back.
    caplog.set_level(logging.CRITICAL, logger="mail.log")  # the test's own mail server
    caplog.set_level(logging.DEBUG)
    answers = iter((200, 500))
    with Chatroom(lambda: next(answers, 404)) as chat:
        folder = company(folder.folder, chats={"team": {"url": chat.url}}, digest_above=2)
        go_live()
        employees(warehouse, "E1", "E2", "E3")
        secret = {"kind": "alert", "excerpt": "Xylophon words"}
        mail.script = lambda recipient: "550 5.1.1 Xylophon" if recipient.startswith("e2") else mail_server.ACCEPT
        for number in range(3):
            post(
                warehouse,
                message(f"Xylophon a{number}", NOON, **secret),
                message(f"Xylophon b{number}", NOON, to=f"E{number + 1}", **secret),
            )
            post(warehouse, message(f"Xylophon c{number}", NOON, chat="team", **secret))
            try:
                send(warehouse, folder, NOON + number * HOUR)
            except ShopkeeperError as error:
                logging.getLogger("shopkeeper").error("%s", error)
    assert chat.asked >= 2
    assert "chats › team" in caplog.text, "the log was looked at"
    for told in ("Xylophon", "work.example", "secret-key"):
        assert told not in caplog.text
    with warehouse.connect() as connection:
        for table in ("ops.messages", "ops.message_events", "ops.message_queue"):
            assert "Xylophon" not in str(connection.execute(sa.text(f"select * from {table}")).all())


def test_posting_twice_tells_once(warehouse: sa.Engine) -> None:
    # A run that is repeated after a kill writes the same alerts down again.
    with warehouse.begin() as connection:
        assert outbox.post(connection, [message(1, NOON)], now=NOON) == 1
        assert outbox.post(connection, [message(1, NOON + HOUR, to="E2"), message(2, NOON), message(2, NOON)], now=NOON) == 1
    assert len(fates(warehouse)) == 2


def test_a_person_settles_what_is_doubtful(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Only a person can look into the mail server's log; until then it must be seen, and must not be sent again.
    employees(warehouse, "E1", "E2")
    mail.script = lambda recipient: mail_server.KEEP_AND_DIE if recipient == "e1@work.example" else mail_server.DIE_AFTER_DATA
    first, second = post(warehouse, message(1, NOON), message(2, NOON, to="E2"))
    send(warehouse, folder)

    def command(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["shopkeeper", *words])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        return said.out + said.err

    listed = command("doubtful", "list")
    assert str(first) in listed
    assert str(second) in listed
    command("doubtful", "release", str(first), "--sent")
    command("doubtful", "release", str(second), "--not-sent")
    assert doubtful.list_doubtful(warehouse) == []
    mail.script = lambda recipient: mail_server.ACCEPT
    send(warehouse, folder, datetime.now(UTC) + HOUR)
    assert mail.recipients() == ["e1@work.example", "e2@work.example"]
    assert "is not doubtful" in command("doubtful", "release", str(first), "--not-sent")
