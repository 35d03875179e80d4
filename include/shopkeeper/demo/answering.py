"""The sample company's customers at their mail programs: they read what came, click a score or leave it, and fill in the pages.

Only what a person sees is used: the e-mails in the inbox, the links in them, the forms of the pages that these lead to.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import numpy as np

from shopkeeper.demo.attitude import nps
from shopkeeper.demo.replies import Reply, replies
from shopkeeper.demo.simulation import Simulation
from shopkeeper.errors import fail

OWNER = re.compile(r"\.(\d+)@example\.org")  # the sample company's mailboxes are numbered like its customers
AT_ONCE = 8
PAGES = 4  # the score, the rest, thanks; and one to spare
IN_BROWSER = 3


@dataclass(frozen=True)
class Letter:
    """One e-mail: whose it is, and where its eleven buttons lead."""

    customer: int
    buttons: Mapping[int, str] = field(repr=False)


@dataclass(frozen=True)
class Answered:
    """What became of the e-mails. `true_scores` are what all who got one think, whether they answered or not."""

    letters: int
    answered: int
    in_browser: int
    true_scores: tuple[int, ...]

    @property
    def true_nps(self) -> float:
        """In points, had everybody answered; NaN where nobody was asked."""
        return nps(np.array(self.true_scores))


def letters(mails: Iterator[EmailMessage]) -> dict[int, Letter]:
    """The newest survey e-mail of each customer, by number; other e-mails are left alone."""
    found = {}
    for mail in mails:
        owner, body = OWNER.search(str(mail["To"])), mail.get_body(("html",))
        if owner is None or body is None:
            continue
        links = re.findall(r'href="([^"]+/s/[^"?]+\?score=(\d+))"', body.get_content())
        if links:
            found[int(owner[1])] = Letter(int(owner[1]), {int(score): link.replace("&amp;", "&") for link, score in links})
    return found


def answer(
    simulation: Simulation, mails: Iterator[EmailMessage], moment: datetime, note: Callable[[str], None] = lambda text: None
) -> Answered:
    """Let everybody who got an e-mail do with it what that customer would do at `moment`.

    A few use a real browser, where there is one. Raises ShopkeeperError when a page does not do what it should.
    """
    inbox = letters(mails)
    minds = replies(simulation, inbox, moment)
    willing = [letter for number, letter in sorted(inbox.items()) if minds[number].answers]
    in_browser = _in_browser(willing[:IN_BROWSER], minds)
    done, lock = 0, threading.Lock()

    def answer_one(letter: Letter) -> None:
        nonlocal done
        fill_in(letter, minds[letter.customer])
        with lock:
            done += 1
            note(f"{done} customers have answered")

    with ThreadPoolExecutor(AT_ONCE) as people:
        list(people.map(answer_one, willing[in_browser:]))
    return Answered(len(inbox), len(willing), in_browser, tuple(mind.score for mind in minds.values()))


def fill_in(letter: Letter, mind: Reply) -> None:
    """Answer one e-mail without a browser. Raises ShopkeeperError when a page does not do what it should."""
    # As if each came from an address of their own, by way of a proxy: one household does not send hundreds of answers.
    number = letter.customer
    headers = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "User-Agent": f"customer/{number}"}
    with httpx.Client(headers=headers, follow_redirects=True, timeout=30, trust_env=False) as client:
        _fill_in(client, letter, mind)


def _fill_in(client: httpx.Client, letter: Letter, mind: Reply) -> None:
    """Click the score in the e-mail, then send each form that the pages show, to the end."""
    response = client.get(letter.buttons[mind.score])
    for _ in range(PAGES):
        if response.is_error:
            raise fail("survey page", f"answers {response.status_code} to a customer", "see .shopkeeper/logs/survey-page.log")
        form = Form.read(response.text)
        if form is None:
            return
        response = client.post(urljoin(str(response.url), form.action), data=form.filled_in(mind))
    raise fail("survey page", "has no end: another form comes after each")


@dataclass
class Form:
    """A page's form: its fields with what they hold, and what each radio button group offers."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, html: str) -> Form | None:
        """The page's first form, which is the one to fill in: another may offer not to answer. None where it has none."""
        reader = _FormReader()
        reader.feed(html)
        return reader.form

    def filled_in(self, mind: Reply) -> dict[str, str]:
        """What the customer sends: hidden fields as they are, and what is on his mind; some questions are left out."""
        said = {
            "score": str(mind.score),
            "ease": str(mind.ease),
            "reason": mind.reason,
            "heard_from": mind.heard_from,
            "would_have_come_anyway": mind.anyway,
            "may_call_back": "yes" if mind.may_be_called else "no",
        }
        chosen = {name: text for name, offered in self.offers.items() if (text := said.get(name)) in offered and text is not None}
        first, own = self.texts[:1], {"recommended_by": mind.recommended_by}
        words = {name: text for name in self.texts if (text := own.get(name, mind.comment if name in first else None))}
        return self.values | chosen | words


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self.is_read = False

    def handle_endtag(self, tag: str) -> None:
        self.is_read = self.is_read or tag == "form"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self.is_read:
            return
        if tag == "form":
            self.form = Form(given.get("action", ""))
        elif self.form is None or not (name := given.get("name")):
            return
        elif tag == "textarea":
            self.form.texts.append(name)
        elif given.get("type") == "radio":
            self.form.offers.setdefault(name, []).append(given.get("value", ""))
        elif given.get("type") == "hidden":
            self.form.values[name] = given.get("value", "")


def _in_browser(some: list[Letter], minds: Mapping[int, Reply]) -> int:
    """Let these customers answer in a real browser; returns how many did: none, where there is no browser."""
    path = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:  # it is there where the tests are installed
        return 0
    if path is None or not some:
        return 0
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=["--disable-gpu"]) as browser:
        for letter in some:
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.goto(letter.buttons[minds[letter.customer].score])
            while page.locator("form").count():
                for name, value in (Form.read(page.content()) or Form("")).filled_in(minds[letter.customer]).items():
                    if page.locator(f'input[type=radio][name="{name}"][value="{value}"]').count():
                        page.locator(f'input[type=radio][name="{name}"][value="{value}"]').check(force=True)
                    elif page.locator(f'textarea[name="{name}"]').count():
                        page.locator(f'textarea[name="{name}"]').fill(value)
                page.locator("form button:not(.quiet)").click()  # the quiet one declines
                page.wait_for_load_state()
            page.close()
    return len(some)
