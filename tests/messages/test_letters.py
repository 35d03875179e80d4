"""What is written to our own people: readable in two languages and in mail programs, and safe whatever a customer writes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.browser import browser

from shopkeeper.company.closed_loop import RuleKind
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages.letters import Heard, Letters, Listed, Reader
from shopkeeper.messages.outbox import Message
from shopkeeper.messages.writing import TEMPLATES

AT = datetime(2026, 3, 3, 13, 5, tzinfo=UTC)  # 14:05 in Berlin
ORDER = UUID(int=7)
HEARD = Heard("Anna Löwe", AT, 2, 8, 10, "detractor", "I waited six weeks.\n\nNobody called.", "claim", AT)
GLAD = Heard("Jan Ohm", AT, 10, None, 10, "promoter", "Quick & kind.", "call", AT)
LINK = "http://127.0.0.1:8090/desk/orders/00000000-0000-0000-0000-000000000007"


@pytest.fixture
def letters(folder: CompanyFolder) -> Letters:
    return Letters(folder)


def every_kind(letters: Letters, locale: str | None, heard: Heard = HEARD) -> Iterator[Message]:
    to = Reader("E1", locale)
    for reason in (*get_args(RuleKind), "assigned", "again", "step"):
        if reason != "unit_changed":
            given = {"identity": "a", "order_id": ORDER, "call_by": AT, "due_at": AT, "at_stake": Decimal("1250")}
            yield letters.alert(to, heard, reason=reason, **given)
    yield letters.alert(to, heard, identity="a", reason="complaint", order_id=ORDER, call_by=AT, due_at=AT, call_wanted=False)
    for when in ("no_attempt", "not_closed"):
        yield letters.escalation(to, heard, identity="e", when=when, order_id=ORDER, since=AT, due_at=AT)  # type: ignore[arg-type]
    yield letters.approval(to, heard, identity="p", order_id=ORDER, amount=Decimal("80.50"), due_at=AT, at_stake=Decimal(5000))
    for is_approved in (True, False):
        yield letters.decided(to, heard, identity="d", order_id=ORDER, amount=Decimal(80), is_approved=is_approved, due_at=AT)
    yield letters.feedback(to, heard, identity="f", response_key="k/1", due_at=AT)
    yield letters.feedback(to, GLAD, identity="f", response_key="k/1", order_id=ORDER, due_at=AT)
    yield letters.unit_changed(to, identity="u", unit="Branch 4", previous=Decimal("31.2"), score=Decimal(11), margin=Decimal(9), due_at=AT)
    listed = [Listed("feedback", heard.customer, heard.verbatim, None, "k"), Listed("alert", heard.customer, heard.verbatim, ORDER)]
    yield letters.digest(to, listed, identity="d", due_at=AT, is_urgent=False)


def test_an_alert_says_what_happened_what_to_do_and_by_when(letters: Letters) -> None:
    # Whoever has to look things up before calling calls tomorrow.
    given: dict[str, Any] = {"identity": "a", "reason": "score_moved", "order_id": ORDER, "call_by": AT, "due_at": AT}
    alert = letters.alert(Reader("E1", "de-DE"), HEARD, at_stake=Decimal("1250"), **given)
    assert alert.title == "Bitte rufen Sie Anna Löwe bis Di., 3. März, 14:05 Uhr an"
    assert alert.body.split("\n--\n")[0].split("\n\n")[1:] == [
        "Anna Löwe gibt uns jetzt 2 von 10, zuvor 8.",
        "Bitte rufen Sie bis Di., 3. März, 14:05 Uhr an. Hören Sie zuerst zu; halten Sie dann fest, was Sie erfahren und "
        "was Sie getan haben.",
        "2 von 10 · Kritiker · Di., 3. März, 14:05 Uhr\n> I waited six weeks.\n> Nobody called.",
        "Anrufen bis: Di., 3. März, 14:05 Uhr\nWas der Kunde noch bringen kann: 1.250 EUR\nWorum es geht: Schadenfall vom 3. März",
        f"Vorgang öffnen:\n{LINK}\n",
    ]
    assert (alert.employee_id, alert.order_id, alert.excerpt, alert.kind) == ("E1", ORDER, HEARD.verbatim, "alert")
    assert letters.feedback(Reader("E1"), GLAD, identity="f", response_key="k/1", due_at=AT).kind == "thanks"
    assert letters.alert(Reader("E1", "fr"), HEARD, **given).title == "Please call Anna Löwe by Tue 3 March, 14:05"
    with pytest.raises(ValueError, match="needs a score"):
        letters.alert(Reader("E1"), Heard("Anna", AT), **given)


def test_a_chat_is_told_no_more_than_that_somebody_waits(letters: Letters) -> None:
    # Chats are kept by others and read by many.
    for kind in ("alert", "escalation"):
        told = letters.to_chat("team", kind, identity="c", order_id=ORDER, at=AT, due_at=AT, unit="Branch\n4")  # type: ignore[arg-type]
        assert told.title.endswith("· Branch 4")
        assert told.body.split("\n")[1:] == [LINK, ""]
        assert (told.html, told.excerpt, told.target, told.employee_id) == (None, None, "team", None)


class Tags(HTMLParser):
    """The tags and links of a page, and what can be read on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.links, self.text = list[str](), list[str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


WRITTEN = st.text(max_size=60) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}", "{customer}", "{", "}", "a\r\nBcc: all@example.org", "\x00", "\n\n", " "]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(customer=WRITTEN, verbatim=WRITTEN, locale=st.sampled_from(["en", "de"]))
def test_what_customers_write_stays_what_they_wrote(letters: Letters, customer: str, verbatim: str, locale: str) -> None:
    # A customer can write anything. It must reach the employee as it is, and must never become a link, a picture or a header.
    heard = dataclasses.replace(HEARD, customer=customer, verbatim=verbatim)
    usual = [Tags(one.html or "").links for one in every_kind(letters, locale)]
    for one, links in zip(every_kind(letters, locale, heard), usual, strict=True):
        assert len(one.title.splitlines()) == 1
        page = Tags(one.html or "")
        assert page.links == links
        assert not {"script", "img", "iframe", "form"} & set(page.tags)
        for line in filter(None, (" ".join(line.split()) for line in verbatim.splitlines())):
            if one.excerpt == verbatim and all(char.isprintable() for char in line):
                assert line in " ".join(page.text.split()) or line in page.text
                assert line in one.body


def test_every_word_is_there_in_every_language() -> None:
    # A text that is missing in one language, or forgets the date in it, is found by the reader.
    words = yaml.safe_load((TEMPLATES / "words.yml").read_text(encoding="utf-8"))
    languages, seen = set(words.pop("languages")), 0

    def walk(part: Any, path: str) -> None:
        nonlocal seen
        if isinstance(part, dict) and not languages & set(part):
            for name, inner in part.items():
                walk(inner, f"{path}.{name}")
            return
        assert set(part) == languages, path
        placeholders = {language: set(re.findall(r"\{(\w+)\}", str(text))) for language, text in part.items()}
        assert len({frozenset(names) for names in placeholders.values()}) == 1, (path, placeholders)
        seen += 1

    walk(words, "")
    assert seen > 50


def test_a_company_can_word_it_itself(folder: CompanyFolder) -> None:
    # One kind in one language must not become everybody's; and a template that fails for one message must not keep it back.
    templates = folder.folder / "templates"
    templates.mkdir()
    (templates / "staff_feedback.de.html.j2").write_text("<p>Moin: {{ content.title }}</p>")
    (templates / "staff_escalation.html.j2").write_text("{{ 1 / (content.facts | length - 1) }}")
    (templates / "survey_email.html.j2").write_text("{{ not ours }}")
    with pytest.raises(ShopkeeperError, match=r"templates/staff_escalation\.html\.j2: does not work") as error:
        Letters(folder)
    assert "docs/staff-messages.md" in str(error.value)
    (templates / "staff_escalation.html.j2").write_text("{{ content.language.nothing.at_all if content.language == 'de' }}")
    letters = Letters(folder)
    html = {(one.kind, locale): one.html or "" for locale in ("en", "de") for one in every_kind(letters, locale, HEARD)}
    assert html["feedback", "de"] == "<p>Moin: Anna Löwe sagt 2 von 10</p>"
    assert "Moin" not in html["feedback", "en"] + html["alert", "de"]
    assert html["escalation", "de"].startswith("<!doctype html>"), "ours takes its place"


@pytest.mark.browser
def test_it_can_be_read_on_a_phone_and_in_the_dark(letters: Letters, tmp_path: Path) -> None:
    # An alert is read on the way to the next customer: nothing may stick out, and the button must fit a thumb.
    from axe_playwright_python.sync_playwright import Axe

    chosen = {one.kind: one.html or "" for one in every_kind(letters, "de")}
    with browser() as chromium:
        for width, scheme, kinds in ((360, "light", ("alert", "digest")), (900, "dark", ("approval", "digest"))):
            page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
            for kind in kinds:
                file = tmp_path / f"{kind}.html"
                file.write_text(chosen[kind])  # type: ignore[index]
                page.goto(file.as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") == width
                box = page.locator("a").last.bounding_box()
                assert box is not None
                assert box["height"] >= 44
                assert [found["id"] for found in Axe().run(page).response["violations"]] == [], (kind, width, scheme)
            page.close()
