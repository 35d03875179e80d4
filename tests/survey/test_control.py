"""Pauses, the do-not-contact list, and waves that are approved or called off: through the command line, as people do it."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.survey import people
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave

from shopkeeper.cli import main
from shopkeeper.survey import approval, ledger
from shopkeeper.survey.approval import IS_APPROVED
from shopkeeper.survey.inbox import Inbox, messages
from shopkeeper.survey.links import Keys

AT = datetime(2026, 5, 20, 8, tzinfo=UTC)
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("pause", "--reason", "…")` runs the command line; returns its exit status and all that it said."""
    monkeypatch.setenv("SHOPKEEPER_ACTOR", "ada")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["./shopkeeper", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


def ok(result: tuple[int, str]) -> str:
    assert result[0] == 0, result[1]
    assert "Traceback" not in result[1]
    return result[1]


def refused(result: tuple[int, str]) -> str:
    assert result[0] != 0, result[1]
    assert "Traceback" not in result[1]
    return result[1]


def test_a_pause_holds_until_the_same_thing_is_resumed(command: Command, warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Whoever resumes one programme must not set free what somebody else has stopped for another reason.
    folder = make_programmes(relationship={}, claims={})
    company = ("--company", str(folder.folder))
    ok(command("pause", "--reason", "wrong logo"))
    ok(command("pause", "claims", "--reason", "storm", *company))
    assert "everything" in refused(command("resume", "relationship"))
    said = ok(command("resume", "claims"))
    assert "storm" in said
    assert "still paused everything: wrong logo" in said
    ok(command("resume"))
    assert "nothing is paused" in refused(command("resume"))
    with warehouse.connect() as connection:
        rows = connection.execute(sa.text("select programme, reason, paused_by, resumed_by from ops.pauses order by pause_id")).all()
    assert [tuple(row) for row in rows] == [(None, "wrong logo", "ada", "ada"), ("claims", "storm", "ada", "ada")]


def test_a_pause_needs_a_reason_and_a_programme_that_exists(command: Command, make_programmes: MakeProgrammes) -> None:
    # A pause with a slip of the finger would stop nothing, and nobody would notice.
    folder = make_programmes(relationship={})
    assert "did you mean relationship" in refused(command("pause", "relationshp", "--reason", "x", "--company", str(folder.folder)))
    assert "needs a reason" in refused(command("pause", "--reason", " "))


def test_pausing_everything_works_while_the_company_folder_is_broken(
    command: Command, make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The broken file may be the very reason for the pause.
    folder = make_programmes(relationship={})
    (folder.folder / "programmes.yml").write_text("programmes: [")
    monkeypatch.setenv("SHOPKEEPER_COMPANY", str(folder.folder))
    ok(command("pause", "--reason", "broken programmes.yml"))


def test_an_address_on_the_do_not_contact_list_is_shown_nowhere(command: Command, warehouse: sa.Engine) -> None:
    # The list outlives its reasons and is read by many: it must not become a list of addresses.
    people.put(warehouse, "customers", [people.customer("C1", email="mia@example.org")])
    said = ok(command("do-not-contact", "add", "--address", " Mia@Example.org ", "--reason", "asked by letter"))
    said += ok(command("do-not-contact", "add", "C1", "--reason", "court order"))
    said += ok(command("do-not-contact", "list"))
    assert "example.org" not in said.lower()
    with warehouse.connect() as connection:
        kept = connection.execute(sa.text("select * from pii.contact_blocks order by block_id")).mappings().all()
        expected = connection.scalar(sa.text("select encode(sha256(convert_to('mia@example.org', 'UTF8')), 'hex')"))
    assert kept[0]["address_hash"] == expected
    assert "mia" not in str(kept).lower()
    assert (kept[1]["customer_id"], kept[1]["kind"], kept[1]["blocked_by"]) == ("C1", "do_not_contact", "ada")
    ok(command("do-not-contact", "lift", "--address", "mia@example.org", "--reason", "came back"))
    said = ok(command("do-not-contact", "list"))
    assert "court order" in said
    assert "asked by letter" not in said
    assert "came back" in ok(command("do-not-contact", "list", "--all"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "C999", "--reason", "x"), "no customer has this id"),
        (("add", "--reason", "x"), "needs either"),
        (("add", "C1", "--address", "a@b.example", "--reason", "x"), "needs either"),
        (("add", "--address", "not-an-address", "--reason", "x"), "has no @"),
        (("lift", "C1", "--reason", "x"), "is not blocked"),
        (("add", "C1", "--reason", ""), "needs a reason"),
    ],
)
def test_slips_on_the_do_not_contact_list_are_told(command: Command, warehouse: sa.Engine, arguments: tuple[str, ...], told: str) -> None:
    # An id with a typing error would be accepted, and the customer who asked would be written to again.
    people.put(warehouse, "customers", [people.customer("C1")])
    said = refused(command("do-not-contact", *arguments))
    assert told in said
    assert "not-an-address" not in said


@pytest.fixture
def wave(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> UUID:
    """A live wave of five invitations: one is being sent, one was sent, three wait."""
    folder = make_programmes(relationship={})
    wave_id = put_wave(warehouse, folder, "relationship", AT, name="2026-05-20", delivery="live")
    first, second, *_ = put_invitations(warehouse, wave_id, ["C1", "C2", "C3", "C4", "C5"], AT)
    with warehouse.begin() as connection:
        connection.execute(sa.text("update ops.send_queue set worker = 7 where invitation_id = :id"), {"id": first})
        ledger.record(connection, first, "claimed", message="invitation", occurred_at=AT)
        connection.execute(sa.text("delete from ops.send_queue where invitation_id = :id"), {"id": second})
        ledger.record(connection, second, "sent", message="invitation", occurred_at=AT)
        frame = """
            insert into quality.wave_frames (wave_id, customer_id, stratum, random_number, outcome, reason, inclusion_probability)
            select :id, 'C' || n, case when n % 2 = 0 then 'private' else 'business' end, n / 10.0,
                case when n <= 5 then 'drawn' when n <= 7 then 'turned_away' else 'not_drawn' end,
                case when n between 6 and 7 then 'quarantine_programme' end, .5
            from generate_series(1, 9) as n
        """
        connection.execute(sa.text(frame), {"id": wave_id})
    return wave_id


def is_approved(engine: sa.Engine, wave_id: UUID) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(sa.text(f"select {IS_APPROVED} from ops.waves where wave_id = :id"), {"id": wave_id}))


def test_a_wave_is_listed_previewed_and_approved(
    command: Command, warehouse: sa.Engine, wave: UUID, make_programmes: MakeProgrammes
) -> None:
    # Nobody approves what cannot be seen: how many, who is left out and why, and when it goes.
    assert "waiting for approval" in ok(command("wave", "list"))
    shown = ok(command("wave", "preview", "relationship"))
    assert "turned away: quarantine_programme 2" in shown
    assert "private\t4\t1\t2\t0.5000" in shown
    assert not is_approved(warehouse, wave)
    ok(command("wave", "approve", "relationship/2026-05-20", "--note", "as planned"))
    assert is_approved(warehouse, wave)
    listed = ok(command("wave", "list", "relationship"))
    assert "sending" in listed
    folder = make_programmes(relationship={})
    same = put_wave(warehouse, folder, "relationship", AT, name="2026-08-20", delivery="live")
    changed = make_programmes(relationship={"quarantine_days": 10})
    other = put_wave(warehouse, changed, "relationship", AT, name="2026-11-20", delivery="live")
    assert is_approved(warehouse, same), "the same configuration was approved before"
    assert not is_approved(warehouse, other), "a changed programme is looked at again"


def test_approving_in_the_sandbox_lets_nothing_go_out_live(command: Command, warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Somebody who tries things out must not, without knowing, release the first wave to customers.
    folder = make_programmes(relationship={})
    put_wave(warehouse, folder, "relationship", AT, name="trial", delivery="sandbox")
    ok(command("wave", "approve", "relationship"))
    live = put_wave(warehouse, folder, "relationship", AT, name="live", delivery="live")
    assert not is_approved(warehouse, live)


def test_a_cancelled_wave_sends_nothing_more_and_keeps_its_story(command: Command, warehouse: sa.Engine, wave: UUID) -> None:
    assert "3 e-mails will not be sent" in ok(command("wave", "cancel", "relationship", "--reason", "wrong question"))
    with warehouse.connect() as connection:
        reasons = connection.scalars(sa.text("select reason from ops.invitation_events where event = 'not_sent'")).all()
        assert reasons == ["wave_cancelled"] * 3
        assert ledger.contradictions(connection) == []
    assert "cancelled before" in refused(command("wave", "cancel", "relationship", "--reason", "again"))
    assert "was cancelled" in refused(command("wave", "approve", "relationship"))
    assert approval.find(warehouse, "relationship").state == "cancelled"


def test_an_unknown_wave_is_no_stack_trace(command: Command) -> None:
    assert "no such wave" in refused(command("wave", "preview", "relationship/2020-01-01"))


def test_a_doubtful_e_mail_waits_for_a_person_s_word(command: Command, warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Sent again unasked, somebody might get it twice; left alone unseen, never.
    folder = make_programmes(relationship={})
    one, two = put_invitations(warehouse, put_wave(warehouse, folder, "relationship", AT), ["C1", "C2"], AT, in_queue=False)
    with warehouse.begin() as connection:
        for invitation in (one, two):
            ledger.record(connection, invitation, "doubtful", message="invitation", occurred_at=AT)
    assert ok(command("doubtful", "list")).count("relationship/w1") == 2
    ok(command("doubtful", "release", str(one), "--sent"))
    ok(command("doubtful", "release", str(two), "--not-sent"))
    assert "nothing is doubtful" in ok(command("doubtful", "list"))
    with warehouse.connect() as connection:
        assert connection.scalars(sa.text("select invitation_id from ops.send_queue")).all() == [two]
        actors = connection.scalars(sa.text("select distinct actor from ops.invitation_events where reason = 'said by a person'")).all()
    assert actors == ["ada"]
    assert "is not doubtful" in refused(command("doubtful", "release", str(one), "--not-sent"))


def test_staff_get_the_wave_s_e_mail_and_nothing_is_recorded(
    command: Command, warehouse: sa.Engine, make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Who tries the link of a test e-mail must not answer for a customer, nor read the customer's name.
    folder = make_programmes(relationship={"locales": ["en", "de"]})
    people.put(warehouse, "customers", [people.customer("C1", full_name="Mia Secret"), people.customer("C2")])
    wave_id = put_wave(warehouse, folder, "relationship", AT)
    put_invitations(warehouse, wave_id, ["C1"], AT, locale="en")
    put_invitations(warehouse, wave_id, ["C2"], AT, locale="de")
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "home"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Inbox(tmp_path / "inbox", port=port) as running:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", running.url)
        company = ("--company", str(folder.folder))
        assert "2 e-mails" in ok(command("wave", "test", "relationship", "ada@work.example", *company))
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_ALLOW", "bob@work.example")
        said = refused(command("wave", "test", "relationship", "ada@work.example", *company))
        assert "ada@work.example" not in said
    mails = list(messages(tmp_path / "inbox"))
    assert [str(mail["To"]) for mail in mails] == ["Test <ada@work.example>"] * 2
    assert all(str(mail["Subject"]).startswith("[Test] ") for mail in mails)
    keys = Keys.from_environment()
    with warehouse.connect() as connection:
        for mail in mails:
            text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
            assert "Secret" not in mail.as_string()
            token = re.search(r"/s/([\w.-]+)", text)[1]  # type: ignore[index]
            assert keys.verify(token, AT).is_test
            # A bounce of this mail must not be taken for one of the customer's.
            named = UUID(str(mail["X-Invitation"]).split(".")[0])
            assert connection.execute(sa.text("select from ops.invitations where invitation_id = :id"), {"id": named}).all() == []
        assert connection.scalar(sa.text("select count(*) from ops.invitation_events")) == 0
        assert connection.scalars(sa.text("select event from ops.wave_events")).all() == ["tested"]
