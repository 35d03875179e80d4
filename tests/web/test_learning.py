"""Coaching, huddles and disputes at the desk, in a real browser: what is hard to write down on a phone is not written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser import browser
from tests.web import learning_world
from tests.web.desk_world import HEADER, login_of, serving
from tests.web.learning_world import answered
from tests.web.survey_site import KEYS, a_company

from shopkeeper.company.load import load_for_desk
from shopkeeper.survey.links import Keys
from shopkeeper.web.app import make_app
from shopkeeper.web.desk.site import Settings
from shopkeeper.web.guard import networks

pytestmark = pytest.mark.browser
PHONE = {"width": 360, "height": 740}
NOW = datetime(2026, 3, 12, 10, tzinfo=UTC)  # a Thursday
WEEK = "2026-03-09"


@dataclass(frozen=True)
class Desk:
    url: str

    def client(self, who: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={HEADER: who}, timeout=20, verify=False)


@pytest.fixture(scope="module")
def desk(database: sa.Engine, page_login: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk that is served; a trusted proxy, which we are, says who is there."""
    learning_world.settle(database)
    folder = load_for_desk(a_company(tmp_path_factory.mktemp("desk")))
    settings = Settings(folder, Keys.read(KEYS), login_of(database, "desk"), HEADER)
    app = make_app(
        folder.company, Keys.read(KEYS), page_login, clock=lambda: NOW, trusted=networks("127.0.0.1"), connections=1, desk=settings
    )
    with serving(app) as url:
        yield Desk(url)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@contextmanager
def at_the_desk(chromium: Browser, who: str) -> Iterator[Page]:
    """On a small phone, without JavaScript."""
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False, extra_http_headers={HEADER: who})  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def press(page: Page, button: str) -> None:
    """By keyboard."""
    page.get_by_role("button", name=button).first.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_talk_is_written_down_and_comes_back(desk: Desk, database: sa.Engine, chromium: Browser) -> None:
    # A talk that nobody comes back to was a nice talk.
    key = answered(database, "talk", "ada", NOW - timedelta(hours=5), words="I had to call three times")
    with at_the_desk(chromium, "ada") as page:
        page.goto(f"{desk.url}/desk/coaching")
        item = page.get_by_role("listitem").filter(has_text="I had to call three times")
        with page.expect_navigation():
            item.get_by_role("link", name="Talk about it").press("Enter")
        assert page.locator(f"input[value='{key}']").is_checked(), "the answer that one came from is chosen"
        page.get_by_label("Who coached you?").select_option("ben")
        page.get_by_label("What will you try?").press_sequentially("Call back")
        press(page, "Keep it")
        assert page.inner_text("h1") == "ada with ben"
        assert page.get_by_role("status").inner_text().endswith("The talk is kept.")
        page.goto(f"{desk.url}/desk/coaching")
        assert "I had to call three times" not in page.locator("#mine").locator("..").inner_text(), "it has been talked about"
    with at_the_desk(chromium, "leader_1") as page:
        page.goto(f"{desk.url}/desk/coaching")
        with page.expect_navigation():
            page.get_by_role("link", name="ada with ben").press("Enter")
        page.get_by_label("What came of it?").press_sequentially("It helped")
        press(page, "Keep it")
        assert "It helped" in page.inner_text("main")
        assert page.get_by_label("What came of it?").count() == 0


def test_a_huddle_from_agenda_to_backlog(desk: Desk, database: sa.Engine, chromium: Browser) -> None:
    # The team leader stands in front of the team with a phone; what needs more than a minute is left out.
    read = answered(database, "read", "ben", NOW - timedelta(hours=6), score=10, words="Best visit in years")
    left = answered(database, "left", "ada", NOW - timedelta(hours=7), words="Nobody knew my file")
    with at_the_desk(chromium, "leader_1") as page:
        page.goto(f"{desk.url}/desk/huddles")
        with page.expect_navigation():
            page.get_by_role("link", name="T1, week of").first.press("Enter")
        page.get_by_label("What is the issue?").press_sequentially("Letters")
        page.get_by_label("Who sees to it?").select_option("ben")
        press(page, "Add the issue")
        press(page, "Send to the backlog")
        assert "In the backlog since" in page.inner_text("main")
        assert page.get_by_role("button", name="Send to the backlog").count() == 0
        page.locator(f"input[value='{left}']").press("Space")
        page.get_by_label("Who led it?").select_option("ada")
        press(page, "It was held")
        assert "led by ada" in page.inner_text("main")
        assert "Best visit in years" in page.inner_text("main")
        assert "Nobody knew my file" not in page.inner_text("main")
    with at_the_desk(chromium, "ada") as page:
        page.goto(f"{desk.url}/desk/huddles/T1/{WEEK}")
        said = page.get_by_role("listitem").filter(has_text="Best visit in years").inner_text()
        assert "ben" not in said, "a colleague reads what was said, and not of whom"
        press(page, "Done")
        assert page.get_by_role("status").inner_text().endswith("The issue is done.")
    with database.connect() as connection:
        assert connection.scalars(
            sa.text("select response_key from ops.huddle_answers where response_key in (:a, :b)"), {"a": read, "b": left}
        ).all() == [read]
        assert connection.execute(sa.text("select source, org_unit_id, sent_by from ops.backlog")).all() == [("huddle", "T1", "leader_1")]


def test_not_my_customer(desk: Desk, database: sa.Engine, chromium: Browser) -> None:
    # Who is blamed for a stranger's visit, and cannot say so, trusts no score any more.
    answered(database, "other", "ada", NOW - timedelta(hours=8), words="The man at the other counter")
    with at_the_desk(chromium, "ada") as page:
        page.goto(f"{desk.url}/desk/coaching")
        item = page.get_by_role("listitem").filter(has_text="The man at the other counter")
        with page.expect_navigation():
            item.get_by_role("link", name="Not my customer").press("Enter")
        page.get_by_label("I did not serve this customer").press("Space")
        press(page, "Ask for a decision")
        case = page.url.split("?")[0]
        assert page.get_by_role("group", name="Is it right?").count() == 0, "she does not decide it herself"
    with at_the_desk(chromium, "leader_1") as page:
        page.goto(f"{desk.url}/desk/disputes")
        with page.expect_navigation():
            page.locator("#decide").locator("..").get_by_role("link").first.press("Enter")
        assert page.url == case
        page.get_by_label("Yes: it is not ada's").press("Space")
        page.get_by_label("whose customer was it?").press_sequentially("ada")
        press(page, "Decide")
        assert page.get_by_role("alert").is_visible()
        page.get_by_label("whose customer was it?").fill("cleo")
        press(page, "Decide")
        assert "Upheld: it is cleo's. This holds." in page.inner_text("main").replace("\n", " ")
    with at_the_desk(chromium, "ada") as page:
        page.goto(f"{desk.url}/desk/coaching")
        assert "The man at the other counter" not in page.inner_text("main")
        page.goto(case)
        assert "Upheld: it is cleo's" in page.inner_text("main"), "she reads what was decided, and by whom"
        assert "leader_1" in page.inner_text("main")
    with at_the_desk(chromium, "cleo") as page:
        page.goto(f"{desk.url}/desk/coaching")
        assert "came to you by a decision" in page.get_by_role("listitem").filter(has_text="The man at the other counter").inner_text()


def test_no_page_shuts_anybody_out(desk: Desk, database: sa.Engine, chromium: Browser) -> None:
    """axe-core finds nothing, on a small phone; and no page scrolls sideways."""
    key = answered(database, "axe", "manager", NOW - timedelta(hours=9), words="word" * 60)
    adas = answered(database, "axe-2", "ada", NOW - timedelta(hours=9))
    with desk.client("ada") as ada:
        talk, dispute = write_talk(ada, adas), raise_dispute(ada, adas)
    context = chromium.new_context(viewport=PHONE, extra_http_headers={HEADER: "manager"}, color_scheme="dark")  # type: ignore[arg-type]
    page, axe = context.new_page(), Axe()
    for place in (
        "/desk/coaching",
        "/desk/coaching/new?employee=ada",
        talk,
        "/desk/huddles",
        f"/desk/huddles/T1/{WEEK}",
        f"/desk/huddles/T2/{WEEK}",
        "/desk/disputes",
        f"/desk/disputes/new?answer={key}",
        dispute,
    ):
        page.goto(desk.url + place)
        assert page.locator("nav").is_visible(), f"{place} was refused"
        violations = axe.run(page).response["violations"]
        assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations] == [], place
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), place
    context.close()


def test_nobody_opens_what_is_anothers_by_any_address(desk: Desk, database: sa.Engine) -> None:
    # Addresses are guessed, forwarded and left in histories; what they lead to must not depend on who knows them.
    key = answered(database, "secret", "ada", NOW - timedelta(hours=10), words="The secret words")
    with desk.client("ada") as ada:
        talk, dispute = write_talk(ada, key), raise_dispute(ada, key)
        assert "The secret words" in ada.get(talk).text
    places = [talk, dispute, f"/desk/disputes/new?answer={key}", "/desk/coaching/new?employee=ada", f"/desk/huddles/T1/{WEEK}"]
    for who in ("cleo", "leader_2", "gone", "nobody"):
        with desk.client(who) as stranger:
            for place in places:
                refused = stranger.get(place)
                assert refused.status_code in (403, 404), (who, place)
                assert "secret" not in refused.text
            for place in ("/desk/coaching", "/desk/disputes", "/desk/huddles", f"/desk/coaching/new?answer={key}"):
                assert "secret" not in stranger.get(place).text
            form = {"command_id": str(uuid4()), **hidden(stranger.get("/desk/coaching/new").text)}
            for place, fields in (
                (talk, {"result": "x"}),
                (dispute, {"verdict": "rejected"}),
                ("/desk/coaching/new", {**TALK, "employee": "ada", "answer": key}),
                ("/desk/coaching/new", {**TALK, "employee": who, "answer": key, "coach": "leader_2" if who == "cleo" else "manager"}),
                ("/desk/disputes/new", {"answer": key, "reason": "not_my_customer"}),
                (f"/desk/huddles/T1/{WEEK}", {"do": "raise", "issue": "x"}),
                (f"/desk/huddles/T1/{WEEK}", {"do": "hold", "answer": key, "led_by": who, "held_at": "2020-01-01T10:00"}),
            ):
                answer = stranger.post(place, data={**fields, **form})
                assert answer.status_code in (403, 404), (who, place, answer.status_code)
                assert "secret words" not in answer.text
    with desk.client("ben") as colleague:  # of the same team
        assert [colleague.get(place).status_code for place in places[:4]] == [404] * 4
    with database.connect() as connection:
        decided = "select count(*) from ops.dispute_decisions inner join ops.disputes using (dispute_id) where response_key = :key"
        assert connection.scalar(sa.text(decided), {"key": key}) == 0
        assert connection.scalar(sa.text("select count(*) from ops.coaching_answers where response_key = :key"), {"key": key}) == 1


TALK = {"coach": "leader_1", "will_try": "the secret plan", "held_at": "2020-01-01T10:00"}


def write_talk(ada: httpx.Client, key: str) -> str:
    """Ada writes a talk down; its address."""
    form = hidden(ada.get(f"/desk/coaching/new?answer={key}").text)
    return _led_to(ada.post("/desk/coaching/new", data={**TALK, **form, "employee": "ada", "answer": key}))


def raise_dispute(ada: httpx.Client, key: str) -> str:
    form = hidden(ada.get(f"/desk/disputes/new?answer={key}").text)
    return _led_to(ada.post("/desk/disputes/new", data={**form, "answer": key, "reason": "not_my_customer"}))


def _led_to(response: httpx.Response) -> str:
    assert response.status_code == 303, response.text
    return "/" + re.sub(r"^[./]*|\?.*$", "", response.headers["location"])


def hidden(html: str) -> dict[str, str]:
    """What the page's forms carry; nothing where there is no form."""
    return dict(re.findall(r'name="(proof|command_id)" value="([^"]*)"', html))
