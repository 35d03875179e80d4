"""The survey page in a real browser: a customer whom it shuts out does not answer, and is missing from the score."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser import browser
from tests.web.survey_site import Site, a_programme, add_interaction, add_invitations, add_wave, submissions, token

from shopkeeper.company.programmes import LOCALES
from shopkeeper.web.pages import Pages

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def wave(database: sa.Engine) -> object:
    add_interaction(database, "I1", "claim", "2026-03-03T10:00:00Z")
    return add_wave(database, a_programme(), "browser")


def fits(page: Page) -> bool:
    """Nothing is wider than the window, so that nobody has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_the_whole_way_by_keyboard(site: Site, database: sa.Engine, wave: object, chromium: Browser) -> None:
    """Also: every request of the page goes to us, and its script throws nothing."""
    invitation = add_invitations(database, wave, interaction_id="I1")[0]  # type: ignore[arg-type]
    page = chromium.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(f"{site.url}/s/{token(invitation)}?score=9")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "9"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert [row["score"] for row in submissions(database, invitation)] == [8]

    page.locator("textarea").first.focus()
    page.keyboard.type("Quick, and kind on the phone")
    page.keyboard.press("Tab")  # what could be better
    page.keyboard.press("Tab")  # the reasons: none is chosen until a key chooses one
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    while page.evaluate("document.activeElement.tagName") != "BUTTON":
        page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.inner_text("h1") == "Thank you"
    last = submissions(database, invitation)[-1]
    assert (last["is_complete"], last["answers"], last["free_answers"]) == (
        True,
        {"reason": "product"},
        {"verbatim": "Quick, and kind on the phone"},
    )
    assert all(url.startswith(site.url) for url in requests)
    assert not errors
    page.close()


def test_on_a_small_phone_without_javascript(site: Site, database: sa.Engine, wave: object, chromium: Browser) -> None:
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True)
    page = context.new_page()
    for locale in LOCALES:
        invitation = add_invitations(database, wave, locale=locale, interaction_id="I1")[0]  # type: ignore[arg-type]
        page.goto(f"{site.url}/s/{token(invitation)}")
        targets = page.locator(".choices label").all()
        boxes = [box for target in targets if (box := target.bounding_box())]
        assert len(boxes) == 11
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)
        assert all(min(box["width"], box["height"]) >= 44 for box in boxes), "a thumb must hit one number, and not two"
        page.locator("button").first.tap()
        assert submissions(database, invitation) == [], "the browser asks for a number first"
        page.get_by_label("3", exact=True).check(force=True)
        page.locator("button").first.tap()
        page.locator("textarea").first.fill("x" * 200)
        with page.expect_navigation():
            page.locator("button").first.tap()
        assert [(row["score"], row["is_complete"]) for row in submissions(database, invitation)] == [(3, False), (None, True)]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_shuts_anybody_out(site: Site, database: sa.Engine, wave: object, chromium: Browser, scheme: str) -> None:
    """axe-core finds nothing on any page, step or refusal, on a small phone; and none of them scrolls sideways."""
    context = chromium.new_context(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    page, axe, seen = context.new_page(), Axe(), 0

    def judge(heading: str) -> None:
        nonlocal seen
        seen += 1
        assert page.inner_text("h1").startswith(heading)
        assert axe_judges(axe, page) == []

    invitation = add_invitations(database, wave, locale="de", interaction_id="I1")[0]  # type: ignore[arg-type]
    link = f"{site.url}/s/{token(invitation)}"
    page.goto(f"{link}?score=9")
    judge("Wie wahrscheinlich")
    page.evaluate("document.querySelectorAll('input[type=radio]').forEach(input => { input.required = input.checked = false })")
    page.click("button")
    judge("Wie wahrscheinlich")
    assert page.get_by_role("alert").inner_text().startswith("Bitte wählen Sie")
    page.get_by_label("9", exact=True).check(force=True)
    page.click("button")
    judge("Wenn Sie mögen")
    page.get_by_role("link", name="Ändern").click()
    judge("Wie wahrscheinlich")
    assert page.get_by_label("9", exact=True).is_checked()
    page.goto(link)
    httpx.post(link, data={"step": "rest"})  # meanwhile, on another device
    page.click("button")
    judge("Sie haben schon geantwortet")
    page.goto(link)
    judge("Vielen Dank")
    page.get_by_role("link", name="keine Umfragen").click()
    judge("Keine Umfragen mehr?")
    page.click("button")
    judge("Sie erhalten keine Umfragen mehr")
    page.goto(f"{site.url}/s/forged")
    judge("This link does not work")
    page.goto(f"{site.url}/s/{token(invitation, days_left=-1)}")
    judge("Diese Umfrage ist beendet")
    # What is shown while the database is away: the customer's words go along with the next try.
    pages = Pages("Brunnenhof Insurance")
    lost = pages.page("message", "en", title="We could not save that", text="…", form={"step": "rest", "verbatim": "x"}, is_passing=True)
    page.route("**/s/away", lambda route: route.fulfill(status=503, content_type="text/html", body=bytes(lost.body)))
    page.goto(f"{site.url}/s/away")
    judge("We could not save that")
    assert page.get_by_role("button", name="Try again").is_visible()
    assert seen == 11
    context.close()


def test_no_thanks_and_the_test_page_by_keyboard(site: Site, database: sa.Engine, wave: object, chromium: Browser) -> None:
    """The score page itself, with its second button, is judged above."""
    context = chromium.new_context(viewport=PHONE)
    page, axe = context.new_page(), Axe()
    invitation = add_invitations(database, wave, locale="de")[0]  # type: ignore[arg-type]
    page.goto(f"{site.url}/s/{token(invitation, is_test=True)}")
    assert page.get_by_role("note").inner_text().startswith("Dies ist ein Test")
    test_page = axe_judges(axe, page)
    page.goto(f"{site.url}/s/{token(invitation)}")
    for _ in range(3):  # the numbers, their button, the other one
        page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.inner_text("h1") == "In Ordnung, diesmal nicht"
    assert test_page == axe_judges(axe, page) == []
    with database.connect() as connection:
        events = connection.scalars(sa.text("select event from ops.invitation_events where invitation_id = :id"), {"id": invitation})
        assert events.all() == ["declined"]
    context.close()


def axe_judges(axe: Axe, page: Page) -> list[object]:
    """What axe-core finds, and whether the page scrolls sideways."""
    violations = axe.run(page).response["violations"]
    return [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations] + ([] if fits(page) else [page.url])
