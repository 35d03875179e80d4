"""How a message reads: its words in the reader's language, and the templates that make plain text and HTML of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import fail
from shopkeeper.messages import links
from shopkeeper.messages.outbox import Kind
from shopkeeper.survey import wording
from shopkeeper.survey.mail import one_line

TEMPLATES = Path(__file__).parent / "templates"
COLOURS = {"promoter": "#2f7d5b", "passive": "#8a6d1f", "detractor": "#b3423a"}


@dataclass(frozen=True)
class Button:
    label: str
    link: str


@dataclass(frozen=True)
class Said:
    """The customer's own words, line by line; `heading` says with what score and when."""

    heading: str
    lines: tuple[str, ...] = field(repr=False)
    colour: str = "#7ea3c6"


@dataclass(frozen=True)
class Entry:
    """One line of a digest."""

    title: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    link: str | None


@dataclass(frozen=True)
class Section:
    heading: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Content:
    """All that a template may use, as `content`."""

    kind: Kind
    language: str
    company: str
    title: str = field(repr=False)
    button: Button
    why_you: str
    lines: tuple[str, ...] = field(default=(), repr=False)
    said: Said | None = None
    facts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    sections: tuple[Section, ...] = ()
    more: str = ""


class Paper:
    """Templates of one company folder, whose own go before ours.

    `<company>/templates/` may hold staff_message.html.j2 and staff_message.txt.j2, the same for one kind of message alone
    (staff_digest.html.j2), and any of them for one language: staff_message.de.html.j2. docs/staff-messages.md says more.
    """

    def __init__(self, folder: CompanyFolder) -> None:
        self.company = folder.company
        self._own, self._ours = _environment(folder.folder / "templates"), _environment(TEMPLATES)
        self._try_own()

    def print(self, content: Content) -> tuple[str, str]:
        """Plain text and HTML. Where the company's own template fails for this one message, ours takes its place: it must go out."""
        text, html = (self._render(content, ending) for ending in ("txt", "html"))
        return text.strip() + "\n", html

    def _render(self, content: Content, ending: str) -> str:
        names = [
            f"{name}{language}.{ending}.j2"
            for name in (f"staff_{content.kind}", "staff_message")
            for language in (f".{content.language}", "")
        ]
        try:
            return self._own.select_template(names).render(content=content)
        except Exception:  # none of its own, or one that does not get on with this message
            return self._ours.get_template(f"staff_message.{ending}.j2").render(content=content)

    def _try_own(self) -> None:
        """A template that fails for everybody is to be mended. Raises ShopkeeperError."""
        plain = Content("alert", "en", "…", "…", Button("…", links.desk_link()), "…")
        full = replace(
            plain,
            lines=("…",),
            said=Said("…", ("…",)),
            facts=(("…", "…"),),
            sections=(Section("…", (Entry("…", ("…",), links.desk_link()),)),),
            more="…",
        )
        for name in self._own.list_templates(filter_func=lambda name: name.startswith("staff_") and name.endswith(".j2")):
            for content in (plain, full):
                try:
                    self._own.get_template(name).render(content=content)
                except Exception as error:
                    line = f" line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
                    hint = "docs/staff-messages.md lists what a template may use"
                    raise fail(f"templates/{name}{line}", f"does not work: {error}", hint) from None


def _environment(folder: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


# --- words ------------------------------------------------------------------------------------------------------------


def language(locale: str | None) -> str:
    """The language that a reader is written to in: his or her own where we speak it, else English."""
    spoken = (locale or "").replace("_", "-").split("-")[0].lower()
    return spoken if spoken in _words()["languages"] else "en"


def say(path: str, spoken: str, **values: object) -> str:
    """Our own words, such as `alert.title`, in a language, with names in braces replaced."""
    return said(_words(), path, spoken, **values)


def said(words: Mapping[str, Any], path: str, spoken: str, **values: object) -> str:
    """The text at `path` in a language. `{name}` is replaced once by what it stands for, which stays as it is, on one line."""
    found: Any = words
    for part in path.split("."):
        found = found[part]
    parts = str(found[spoken]).split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        filled.append(one_line(str(values[name])) + rest)
    return "".join(filled)


def moment(at: datetime, zone: Any, spoken: str) -> str:
    """Such as `Tue 3 March, 14:00`, on the company's clock."""
    local = at.astimezone(zone)
    weekday = _words()["weekdays"][spoken][local.weekday()]
    return say("moment", spoken, weekday=weekday, day=wording.day(local.date(), spoken), time=f"{local:%H:%M}")


def about(interaction_type: str | None, on: date, spoken: str) -> str:
    """Such as `Claim of 3 March`."""
    known = (interaction_type or "").lower()
    return say(f"interactions.{known if known in _words()['interactions'] else 'other'}", spoken, day=wording.day(on, spoken))


def lines(text: str | None) -> tuple[str, ...]:
    """A person's words line by line, without control characters, never one that is empty."""
    return tuple(filter(None, (one_line(line) for line in (text or "").splitlines())))


def money(amount: Any, currency: str, spoken: str) -> str:
    """Such as `EUR 1,250` or `1.250 EUR`, without cents where there are none."""
    whole = amount == amount.to_integral_value()
    written = f"{amount:,.0f}" if whole else f"{amount:,.2f}"
    if spoken == "de":
        return f"{written.translate(str.maketrans(',.', '.,'))} {currency}"
    return f"{currency} {written}"


def bands() -> tuple[str, ...]:
    return tuple(_words()["bands"])


@cache
def _words() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((TEMPLATES / "words.yml").read_text(encoding="utf-8"))
    return read
