"""The frame around every page of the desk: templates, texts in the reader's language, and how moments, days and money read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from shopkeeper.company.config import Company, CompanyFolder
from shopkeeper.messages import writing
from shopkeeper.messages.writing import language
from shopkeeper.survey import wording
from shopkeeper.web import pages

__all__ = ["Frame", "Tab", "browser_language", "language", "root", "say"]


@dataclass(frozen=True)
class Tab:
    """A page that stands in the bar of every other; its text is `tabs.<name>`."""

    name: str
    place: str
    leaders: bool = False
    decides: bool = False


TABS = (
    Tab("mine", "desk"),
    Tab("team", "desk/team", leaders=True),
    Tab("overdue", "desk/overdue"),
    Tab("answers", "desk/answers"),
    Tab("coaching", "desk/coaching"),
    Tab("huddles", "desk/huddles"),
    Tab("disputes", "desk/disputes"),
    Tab("absences", "desk/absences"),
    Tab("leaders", "desk/leaders", decides=True),
)


class Frame:
    """For one company folder."""

    def __init__(self, folder: CompanyFolder) -> None:
        self.company = folder.company
        self._environment = Environment(
            loader=PackageLoader("shopkeeper.web.desk"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        versions = {name: pages.version(name) for name in pages.STATIC}
        self._environment.globals |= {"company": self.company.name, "currency": self.company.currency, "versions": versions}

    def render(self, template: str, spoken: str, *, path: str, **values: Any) -> str:
        """A template gets, besides `values`: `say(path, …)`, `code(kind, code)`, `has(kind, code)`, `moment`, `day`, `local` (for form
        fields), `about`, `money`, `whole` (money without cents), `band`, `root`, and from a visit `me`, `proof`, `command_id`, `form`,
        `now`, `problems`.
        """
        given = {"me": None, "done": "", "problems": (), "tabs": self._tabs(path, values.get("me")), "root": root(path), "lang": spoken}
        helpers: dict[str, Callable[..., Any]] = {
            "say": lambda key, **inserted: say(key, spoken, company=self.company.name, **inserted),
            "code": lambda kind, name: code(kind, name, spoken),
            "has": lambda kind, name: name in texts().get(kind, {}),
            "moment": lambda at: writing.moment(at, self.company.zone, spoken),
            "day": lambda on: wording.day(on, spoken),
            "local": lambda at: at.astimezone(self.company.zone).strftime("%Y-%m-%dT%H:%M"),
            "about": lambda kind, at: writing.about(kind, at.astimezone(self.company.zone).date(), spoken),
            "money": lambda amount: writing.money(Decimal(amount), self.company.currency, spoken),
            "whole": lambda amount: writing.money(Decimal(round(amount)), self.company.currency, spoken),
            "band": lambda score, scale: band(self.company, score, scale),
        }
        return self._environment.get_template(f"{template}.html.j2").render(given | helpers | values)

    def _tabs(self, path: str, me: Any) -> list[tuple[Tab, bool]]:
        if me is None:
            return []
        here = path.strip("/")
        return [(tab, here == tab.place) for tab in TABS if (me.leads or not tab.leaders) and (me.decides or not tab.decides)]


def browser_language(accepted: str) -> str:
    """The language of an Accept-Language header, as far as the desk speaks it."""
    return language(pages.browser_language(accepted))


def root(path: str) -> str:
    """What leads from a page's address to the app's own, wherever a proxy has put it."""
    return "../" * (path.count("/") - 1) or "./"


def say(key: str, spoken: str, **inserted: object) -> str:
    """One of our texts, such as `order.title`, with {names} in place; English where it is not translated."""
    found: Any = texts()
    for part in key.split("."):
        found = found[part]
    text: str = found.get(spoken, found["en"])
    for name, value in inserted.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def code(kind: str, name: str | None, spoken: str) -> str:
    """What a stored code is called: `code("actions", "refund")`; one that has no text is shown as it is."""
    known = texts().get(kind, {})
    return say(f"{kind}.{name}", spoken) if name in known else (name or "").replace("_", " ")


def band(company: Company, score: int | None, scale: str | None) -> str:
    """promoter, passive or detractor; empty where there is no score."""
    known = company.scales.get(scale or "0-10")
    return "" if score is None or known is None else wording.band(score, known)


@cache
def texts() -> dict[str, Any]:
    """All of texts/*.yml, put together: group → what → language → text."""
    found: dict[str, Any] = {}
    for file in sorted(Path(__file__).parent.joinpath("texts").glob("*.yml")):
        for group, said in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            found[group] = found.get(group, {}) | said
    return found
