"""The e-mail itself: what its headers say, in which words it asks, and that nothing in a name or an address can bend it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.browser import browser
from tests.survey.conftest import MakeProgrammes

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import LOCALES, Programme
from shopkeeper.survey import wording
from shopkeeper.survey.links import Keys
from shopkeeper.survey.mail import Letter, NotWritten, Writer, mailable, one_line
from shopkeeper.survey.packet import Interaction, Packet

NOW = datetime(2026, 3, 4, 7, tzinfo=UTC)
ID = UUID("c5f40209-8861-4f4c-9975-4a9cfaff0009")
KEYS = Keys.read("1:a-secret-of-more-than-24-characters")
CLAIM = Interaction("I1", "claim", datetime(2026, 3, 3, 9, tzinfo=UTC), None, "phone", "paid in full", "adviser", "Branch <4> & Sons")
SUBJECTS = {"plain": {"share": 0.5}, "short": {"share": 0.5, "subject": {"en": "Two minutes for {company}?"}}}


@pytest.fixture
def folder(make_programmes: MakeProgrammes) -> CompanyFolder:
    return make_programmes(
        sender={"name": "Brunnenhof, Hamburg", "address": "service@brunnenhof.example", "reply_to": "hello@brunnenhof.example",
                "postal_address": "Am Brunnenhof 1, 20095 Hamburg"},
        nps={"locales": list(LOCALES), "split_tests": {"subject_line": {"varies": "subject", "arms": SUBJECTS}}},
        own={"subject": {"en": "How was {about}?"}},
    )  # fmt: skip


def write(folder: CompanyFolder, *, locale: str = "en", programme: str = "nps", **options: Any) -> EmailMessage:
    about = options.pop("about", None)
    whom = {"full_name": "Anna Löwe", "email": "anna@example.org"} | {
        key: options.pop(key) for key in ("full_name", "email") if key in options
    }
    packet = Packet(ID, "C1", locale=locale, timezone=None, about=about, recent=(about,) if about else (), **whom)
    given_arms = options.pop("arms", {})
    letter = Letter(ID, options.pop("message", "invitation"), folder.programmes.programmes[programme], locale, given_arms, NOW, packet)
    envelope = Writer(folder, KEYS).write(letter, now=NOW)
    assert b"\n" not in envelope.content.replace(b"\r\n", b""), "SMTP knows no bare line feed"
    assert max(len(line) for line in envelope.content.split(b"\r\n")) <= 998, "RFC 5322 2.1.1"
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts(message: EmailMessage) -> tuple[str, str]:
    return message.get_body(("plain",)).get_content(), message.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_headers_that_mail_programs_and_providers_look_for(folder: CompanyFolder) -> None:
    # Without one-click unsubscribe, large providers call surveys spam; without our own Message-ID no bounce is ever understood.
    message = write(folder)
    token = KEYS.sign(ID, NOW)
    assert message["From"].addresses[0].addr_spec == "service@brunnenhof.example"
    assert message["From"].addresses[0].display_name == "Brunnenhof, Hamburg"
    assert message["To"].addresses[0].display_name == "Anna Löwe"
    assert message["Reply-To"] == "hello@brunnenhof.example"
    assert message["Message-ID"] == f"<{ID}.invitation@brunnenhof.example>"
    assert message["List-Unsubscribe"] == f"<http://127.0.0.1:8090/u/{token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Content-Language"] == "en"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"], "the last one is preferred"


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_says_everything(folder: CompanyFolder, locale: str) -> None:
    # An e-mail half in English gets worse scores from those who read it in Portuguese, and nobody would know why.
    for about, message_kind in ((None, "invitation"), (CLAIM, "invitation"), (CLAIM, "reminder")):
        message = write(folder, locale=locale, about=about, message=message_kind)
        text, html = parts(message)
        question = wording.score_question(folder.programmes.programmes["nps"], folder.company.scales["0-10"], "Brunnenhof", locale, {})
        for said in (text, unescape(html)):
            assert question.text in said
            assert "Anna Löwe" in said
            assert "Am Brunnenhof 1" in said
            assert "{" not in re.sub(r"<style>.*?</style>", "", said, flags=re.DOTALL)
            assert ("Branch <4> & Sons" in said) == (about is not None)
        links = re.findall(r'href="([^"]+)"', html)
        assert [link.rpartition("=")[2] for link in links if "?score=" in link] == [str(score) for score in range(11)]
        assert links[-1].startswith("http://127.0.0.1:8090/u/")
        assert re.search(r"\nhttp://127.0.0.1:8090/s/\S+\r?\n", text)
    assert f'lang="{locale}"' in html


def test_the_subject_that_was_chosen_for_this_customer(folder: CompanyFolder) -> None:
    # A split test whose arms read the same proves nothing; an English subject for a German customer spoils it too.
    assert write(folder, arms={"subject_line": "short"})["Subject"] == "Two minutes for Brunnenhof?"
    assert write(folder, arms={"subject_line": "plain"})["Subject"] == "Brunnenhof: one question for you"
    assert write(folder, arms={"subject_line": "short"}, locale="de")["Subject"] == "Brunnenhof: eine Frage an Sie"
    assert write(folder, programme="own", about=CLAIM)["Subject"] == "How was your claim of 3 March with Branch <4> & Sons?"
    assert write(folder, arms={"subject_line": "short"}, message="reminder")["Subject"] == "Reminder: Two minutes for Brunnenhof?"


@pytest.mark.parametrize(
    ("written", "sent", "needs_utf8"),
    [
        ("anna@example.org", "anna@example.org", False),
        ("  Anna.Löwe@Example.ORG ", "Anna.Löwe@example.org", True),
        ("info@straße.example", "info@xn--strae-oqa.example", False),
        ("info@müller.example", "info@xn--mller-kva.example", False),
        ("o'neil+news@mail.example.co", "o'neil+news@mail.example.co", False),
    ],
)
def test_addresses_of_every_kind(folder: CompanyFolder, written: str, sent: str, needs_utf8: bool) -> None:
    # An address with an umlaut is a real customer's; ß as ss would write to somebody else.
    assert mailable(written) == (sent, needs_utf8)
    assert f"<{sent}>".encode() in write(folder, email=written)["To"].encode(errors="surrogateescape")


@pytest.mark.parametrize(
    "written",
    [
        "anna", "@example.org", "anna@", "anna@localhost", "an na@example.org", "anna@example..org", "anna@-example.org",
        "anna@example.org, all@example.org", "anna@example.org\r\nBcc: all@example.org", "<anna@example.org>", "anna@[127.0.0.1]",
        '"a b"@example.org', ".anna@example.org", "a" * 65 + "@example.org", "anna@" + "a" * 64 + ".org", "anna@exa\x00mple.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_not_written_to(folder: CompanyFolder, written: str) -> None:
    # One bad record must cost one invitation; it must never name a second recipient or begin a header.
    with pytest.raises(NotWritten, match="malformed_email"):
        write(folder, email=written)
    with pytest.raises(NotWritten, match="no_email"):
        write(folder, email=" ")


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=200), unit=st.text(max_size=60))
def test_nothing_in_a_name_can_bend_an_e_mail(folder_for_names: CompanyFolder, name: str, unit: str) -> None:
    # Names come from web forms. One with line breaks could add recipients, one with tags could rewrite the page, one with braces the text.
    about = Interaction("I1", "claim", NOW, None, None, None, None, unit)
    try:
        message = write(folder_for_names, full_name=name, about=about)
    except NotWritten:
        assert not one_line(name + unit).isprintable()  # half of a surrogate pair is no text
        return
    assert set(message.keys()) == {
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted",
        "X-Invitation", "MIME-Version", "Content-Type", "Content-Language",
    } - ({"Reply-To"} if message["Reply-To"] is None else set())  # fmt: skip
    assert [address.addr_spec for address in message["To"].addresses] == ["anna@example.org"]
    text, html = parts(message)
    assert len(re.findall(r"<(?:a|img|script|form|iframe)\b", html)) == 12, "eleven scores and one way out"
    if shown := one_line(name):
        assert shown in text


@pytest.fixture(scope="module")
def folder_for_names(tmp_path_factory: pytest.TempPathFactory) -> CompanyFolder:
    from shopkeeper.company.config import Company
    from shopkeeper.company.programmes import Programmes, Sender

    nps = Programme.model_validate({"kind": "relationship", "cadence": {"every_days": 91, "starts_on": "2026-01-05"}})
    programmes = Programmes(sender=Sender(name="Brunnenhof", address="service@brunnenhof.example"), programmes={"nps": nps})
    company = Company(name="Brunnenhof", timezone="Europe/Berlin", currency="EUR")
    return CompanyFolder(folder=tmp_path_factory.mktemp("company"), company=company, sources={}, programmes=programmes, config_hash="")


def test_a_company_can_word_it_itself(folder: CompanyFolder) -> None:
    # A template for one language must not become everybody's.
    templates = folder.folder / "templates"
    templates.mkdir()
    (templates / "survey_email.de.txt.j2").write_text(
        "Moin {{ name }}! {{ link }} {{ recent | length }} {{ interaction.outcome if interaction }}"
    )
    (templates / "survey_reminder.html.j2").write_text("<p>{{ name }}, still here: {{ link }}</p>")
    assert parts(write(folder, locale="de", about=CLAIM))[0].startswith("Moin Anna Löwe! http")
    assert parts(write(folder, about=CLAIM))[0].startswith("Hello Anna Löwe,")
    assert "still here" in parts(write(folder, message="reminder", full_name="<b>"))[1]
    assert "&lt;b&gt;, still" in parts(write(folder, message="reminder", full_name="<b>"))[1]


@pytest.mark.browser
def test_it_can_be_read_and_tapped(folder: CompanyFolder, tmp_path: Path) -> None:
    # Half of all e-mails are read on a phone: nothing may stick out, and a score must be large enough for a thumb.
    from axe_playwright_python.sync_playwright import Axe

    _, html = parts(write(folder, about=CLAIM, locale="de"))
    (tmp_path / "email.html").write_text(html)
    with browser() as chromium:
        for width, scheme in ((360, "light"), (900, "dark")):
            page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto((tmp_path / "email.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            boxes = [link.bounding_box() for link in page.locator("a.score").all()]
            assert len(boxes) == 11
            assert all(box is not None and box["width"] >= 36 and box["height"] >= 44 for box in boxes)
            violations = Axe().run(page).response["violations"]
            assert [violation["id"] for violation in violations] == [], (width, scheme)
            page.close()
