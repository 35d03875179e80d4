"""The leaders' pages in a real browser: two leaders, one of them on a phone, without a script and without a word of YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser import browser
from tests.closed_loop.loop_world import NOW
from tests.web.desk_world import Running, leaders_desk
from tests.web.test_desk_in_browser import PHONE, TOO_LOW, log_in

from shopkeeper.closed_loop import changes
from shopkeeper.closed_loop.change_files import apply
from shopkeeper.company.load import load

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def running(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with leaders_desk(database, tmp_path_factory.mktemp("leaders_in_browser") / "company") as found:
        yield found


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=True).first.click()


@pytest.mark.slow
def test_a_rule_is_changed_on_a_phone_and_approved_at_a_desk(running: Running, chromium: Browser) -> None:
    """A mistake is told beside its field, is mended there, and what the other leader sees is what stands in the file afterwards."""
    phone = chromium.new_context(viewport=PHONE, has_touch=True, java_script_enabled=False).new_page()
    log_in(running, phone, "BOSS", "leaders")
    follow(phone, "Rules of the closed loop")
    follow(phone, "moved")
    phone.get_by_label("Points").fill("0")
    phone.get_by_label("Why?").fill("Two points are noise")
    press(phone, "Propose")
    assert "greater than or equal to 1" in phone.locator("#about-by").inner_text()
    assert phone.get_by_label("Points").get_attribute("aria-invalid") == "true"
    phone.get_by_label("Points").fill("3")
    press(phone, "Propose")
    assert phone.get_by_role("status").inner_text().endswith("Another leader has to approve it.")
    assert phone.get_by_role("button", name="Approve").count() == 0

    other = chromium.new_page()
    log_in(running, other, "BRANCH", "leaders")
    follow(other, "rules › moved › by")
    assert other.locator(".added").all_inner_texts() == ["+    by: 3"]
    assert "Two points are noise" in other.inner_text("main")
    press(other, "Approve")
    change = re.findall(r"changes/([0-9a-f-]{36})", other.url)[0]
    with running.engine.connect() as connection:
        found = next(one for one in changes.visible(connection) if str(one.change_id) == change)
    assert apply(running.engine, running.folder.folder, found.change_id, actor="ops", now=NOW, environ={}) == "applied"
    assert load(running.folder.folder, environ={}).closed_loop.rules["moved"].by == 3
    phone.reload()
    assert "written" in phone.inner_text("main")
    phone.context.close()
    other.close()


@pytest.mark.slow
def test_no_leaders_page_shuts_anybody_out(running: Running, chromium: Browser) -> None:
    """axe-core finds nothing on any page, and none of them scrolls sideways on a small phone."""
    context = chromium.new_context(viewport=PHONE, has_touch=True)
    page, axe = context.new_page(), Axe()

    def judge(heading: str) -> None:
        assert page.inner_text("h1").startswith(heading), page.inner_text("main")
        violations = axe.run(page).response["violations"]
        assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations] == [], heading
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), heading
        assert page.evaluate(TOO_LOW) == [], heading

    def see(place: str, heading: str) -> None:
        page.goto(f"{running.url}/desk/leaders{place}")
        judge(heading)

    log_in(running, page, "BOSS", "leaders")
    judge("Goals and rules")
    for place, heading in (
        ("/rules", "Rules of the closed loop"),
        ("/rules/rules/low_score", "low_score"),
        ("/rules/rules/new?kind=score_moved", "A new rule"),
        ("/rules/calendar", "When the company works"),
        ("/goals", "Goals"),
        ("/initiatives", "Initiatives"),
    ):
        see(place, heading)
    see("/goals/new", "A new goal")
    page.get_by_label("Name").fill("all-2026")
    press(page, "Propose")
    judge("A new goal")
    assert page.get_by_label("Target").get_attribute("aria-invalid") == "true"
    see("/rules/cycle", "How customers")
    page.get_by_label("Calls", exact=True).fill("5")
    press(page, "Propose")
    judge("cycle › attempts")
    see("/initiatives/new", "A new initiative")
    page.get_by_label("Name").fill("plain-letters")
    page.get_by_label("What is to be done").fill("Letters in plain words")
    press(page, "Propose")
    judge("Letters in plain words")
    see("/changes", "All changes")
    see("", "Goals and rules")
    log_in(running, page, "BRANCH", "leaders")
    follow(page, "cycle › attempts")
    judge("cycle › attempts")
    press(page, "Refuse")
    judge("cycle › attempts")
    assert page.get_by_role("alert").is_visible()
    page.emulate_media(color_scheme="dark")
    judge("cycle › attempts")
    see("/rules/rules/low_score", "low_score")
    context.close()
