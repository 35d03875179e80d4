"""Pictures of the leaders' pages in docs/desk.md, from what ./shopkeeper demo left: a rule, a change that waits, goals, initiatives.

.venv/bin/python docs/make_leader_pictures.py     needs Chromium; what it proposes it takes back
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "include")]

from docs.make_screenshots import IMAGES, log_in, with_fewer_colours  # noqa: E402
from tests.browser import browser  # noqa: E402
from tests.web.desk_world import login_of, serving  # noqa: E402
from tests.web.survey_site import KEYS  # noqa: E402

from shopkeeper.cli.app import warehouse  # noqa: E402
from shopkeeper.company.load import load_for_desk  # noqa: E402
from shopkeeper.survey.links import Keys  # noqa: E402
from shopkeeper.warehouse.engine import engine  # noqa: E402
from shopkeeper.web.app import make_app  # noqa: E402
from shopkeeper.web.desk.site import Settings  # noqa: E402

LEADERS = "select employee_id from ops.directory where decides and is_here order by leads desc, employee_id limit 2"
PHONE, DESK = {"width": 390, "height": 780}, {"width": 1000, "height": 760}


def page_of(chromium: Browser, employee: str, viewport: dict[str, int]) -> Page:
    page = chromium.new_context(viewport=viewport, device_scale_factor=1.5).new_page()  # type: ignore[arg-type]
    log_in(page, employee)
    return page


def picture(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    with_fewer_colours(IMAGES / f"{name}.png")


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def main() -> None:
    with warehouse(), browser() as chromium:
        folder, keys = load_for_desk(), Keys.read(KEYS)
        app = make_app(folder.company, keys, login_of(engine(), "survey_page"), desk=Settings(folder, keys, login_of(engine(), "desk")))
        with serving(app) as address:
            os.environ |= {"SHOPKEEPER_DESK_URL": address, "SHOPKEEPER_DESK_KEYS": KEYS}
            take(chromium, f"{address}/desk/leaders")


def take(chromium: Browser, desk: str) -> None:
    with engine().connect() as connection:
        one, other = connection.scalars(sa.text(LEADERS)).all()
    phone = page_of(chromium, one, PHONE)
    phone.goto(f"{desk}/rules/rules/fallen_score")
    phone.get_by_label("Points").fill("0")
    press(phone, "Propose")
    phone.evaluate("document.querySelector('.wrong').scrollIntoView({block: 'center'})")
    picture(phone, "desk-leaders-rule")
    phone.get_by_label("Points").fill("3")
    phone.get_by_label("Why?").fill("A third of all customers move by two points without having changed their mind.")
    press(phone, "Propose")
    page = page_of(chromium, other, DESK)
    page.goto(phone.url.partition("?")[0])
    picture(page, "desk-leaders-change")
    press(phone, "Take it back")
    for name in ("goals", "initiatives"):
        page.goto(f"{desk}/{name}")
        picture(page, f"desk-leaders-{name}")


if __name__ == "__main__":
    main()
