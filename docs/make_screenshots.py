"""Makes the README's pictures: runs the demo in a home of its own and looks at what it printed, its sites, the survey page and the desk.

Those of the e-mail are made by docs/make_email_pictures.py.

.venv/bin/python docs/make_screenshots.py     needs Chromium and what ./shopkeeper test installs; takes some minutes
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS = 132


def run_in_terminal(command: list[str]) -> str:
    """What the command shows on a terminal, as text with colours."""
    seen = bytearray()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 65536)
        seen.extend(data)
        return data

    if status := pty.spawn(command, read):
        sys.exit(f"{' '.join(command)} ended with {status}")
    return seen.decode(errors="replace")


def without_spinners(output: str) -> str:
    """The lines that stay on the screen: what a spinner drew and wiped is left out."""
    wiped = re.sub(r"\r?\x1b\[2K|\x1b\[1A|\x1b\[\?25[lh]", "\x00", output)
    lines = [line.rsplit("\x00", 1)[-1].rstrip() for line in wiped.replace("\r\n", "\n").split("\n")]
    return "\n".join(line for line in lines if re.sub(r"\x1b\[[0-9;]*m", "", line).strip()[:1] not in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" or not line)


@contextmanager
def survey_page() -> Iterator[str]:
    """The survey page over what the demo left, at this address."""
    from shopkeeper.cli.app import supervised_warehouse
    from shopkeeper.cli.sample import company_folder
    from shopkeeper.company.load import SAMPLE
    from shopkeeper.pipeline.services import start_survey_page

    with supervised_warehouse() as supervisor:
        yield start_survey_page(supervisor, company_folder(SAMPLE).folder)


def picture_survey_page(chromium: Browser, address: str) -> None:
    """The score question as it opens from an English e-mail, and the questions after it on a phone."""
    from shopkeeper.survey.inbox import messages

    english = (mail for mail in messages() if "one question" in str(mail["Subject"]))
    links = (re.search(r"/s/[\w.-]+", mail.get_body(("plain",)).get_content())[0] for mail in english)
    page = chromium.new_page(viewport={"width": 760, "height": 620}, device_scale_factor=1.5)
    for link in links:
        page.goto(f"{address}{link}?score=9")
        if page.locator("form").count():  # this customer has not answered yet
            break
    page.screenshot(path=IMAGES / "page.png")
    phone = chromium.new_page(viewport={"width": 375, "height": 667}, device_scale_factor=1.5)
    phone.goto(page.url)
    phone.locator("form button:not(.quiet)").click()
    phone.wait_for_load_state()
    phone.screenshot(path=IMAGES / "page-phone.png")


def picture_desk(chromium: Browser) -> None:
    """What the closed loop told the owner of the order with most behind it, that order on a phone, and the list of the owner's team."""
    import sqlalchemy as sa

    from shopkeeper.survey.inbox import messages
    from shopkeeper.warehouse.engine import engine

    query = """
        select orders.order_id, orders.owner_employee_id as owner, directory.manager_id as leader
        from ops.work_orders as orders
        inner join ops.work_order_events as events on orders.order_id = events.order_id
        inner join ops.directory as directory on orders.owner_employee_id = directory.employee_id
        group by orders.order_id, orders.owner_employee_id, directory.manager_id
        order by count(*) desc, orders.order_id
        limit 1
    """
    with engine().connect() as connection:
        order = connection.execute(sa.text(query)).one()
    bodies = (mail.get_body(("html",)) for mail in messages())
    alert = next(text for body in bodies if body is not None and f"/orders/{order.order_id}" in (text := body.get_content()))
    page = chromium.new_page(viewport={"width": 680, "height": 400}, device_scale_factor=1.5)
    page.set_content(alert)
    page.screenshot(path=IMAGES / "alert.png", full_page=True)
    for name, employee, path, width, height in (
        ("desk-phone", order.owner, f"/orders/{order.order_id}", 375, 667),
        ("desk", order.leader, "/team", 1000, 700),
    ):
        page = chromium.new_context(viewport={"width": width, "height": height}, device_scale_factor=1.5).new_page()
        log_in(page, employee)
        page.goto(f"{page.url.partition('/desk')[0]}/desk{path}")
        page.screenshot(path=IMAGES / f"{name}.png")


def log_in(page: Page, employee: str) -> None:
    """Follow a link to log in by, and press its button."""
    from shopkeeper.web.desk import session
    from shopkeeper.web.desk.login import login_link

    page.goto(login_link(session.sign(session.keys_from_environment(), "link", employee, datetime.now(UTC))))
    page.locator("form button").first.click()
    page.wait_for_load_state()


def with_fewer_colours(picture: Path) -> None:
    """A page and a terminal have few colours: a palette makes the file a third as large."""
    Image.open(picture).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from docs import make_example_pictures
    from tests.browser import browser

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shopkeeper-pictures-") as folder:
        Path(folder).chmod(0o755)
        os.environ |= {"SHOPKEEPER_HOME": f"{folder}/.shopkeeper", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
        run_in_terminal([str(ROOT / "shopkeeper"), "--help"])  # what it says while installing belongs into no picture
        said = without_spinners(run_in_terminal([str(ROOT / "shopkeeper"), "demo"])).replace(f"{folder}/", "")
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi(f"$ ./shopkeeper demo\n{said.strip()}"))
        terminal = console.export_svg(title="./shopkeeper demo")
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1200, "height": 900}, device_scale_factor=1.5)
            page.set_content(f'<body style="margin: 0">{terminal}</body>')
            page.locator("svg").first.screenshot(path=IMAGES / "demo.png")
            sites = Path(folder) / ".shopkeeper" / "sites"
            for site, height in (("economics", 1200), ("intranet_front_line", 900)):
                page = chromium.new_page(viewport={"width": 1000, "height": height}, device_scale_factor=1.5)
                page.goto((sites / site / "index.html").as_uri())
                page.screenshot(path=IMAGES / f"{site}.png")
            make_example_pictures.picture(chromium, "sample", sites / "report")
            with survey_page() as address:
                picture_survey_page(chromium, address)
                picture_desk(chromium)
    for picture in (
        "demo",
        "economics",
        "intranet_front_line",
        "page",
        "page-phone",
        "alert",
        "desk",
        "desk-phone",
    ):
        with_fewer_colours(IMAGES / f"{picture}.png")


if __name__ == "__main__":
    main()
