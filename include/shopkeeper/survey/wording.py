"""What a survey asks, in the customer's language: the built-in wording (`wording.yml`) and what a programme says in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shopkeeper.company.config import Scale
from shopkeeper.company.programmes import LOCALES, ROLES, Programme

RATING = range(1, 6)


@dataclass(frozen=True)
class Choice:
    """`code` is what is stored, `text` what the customer reads."""

    code: str
    text: str


@dataclass(frozen=True)
class Asked:
    """One question as a customer reads it.

    `kind` is score, rating, choice, yes_no or text; all but text have choices. `low` and `high` say what the ends of a score
    or rating mean. `bands` are those that are asked it.
    """

    role: str
    kind: str
    text: str
    bands: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    low: str = ""
    high: str = ""


def language(locale: str) -> str:
    """The built-in language for a locale such as `de-AT`; English where there is none."""
    spoken = locale.replace("_", "-").split("-")[0].lower()
    return spoken if spoken in LOCALES else "en"


def pick(wording: Mapping[str, str], locale: str) -> str | None:
    """The text for a locale: its own, its language's, or that of the same language elsewhere; None where nothing fits."""
    spoken = locale.split("-", maxsplit=1)[0]
    for written in (locale, spoken, *sorted(wording)):
        if written in wording and written.split("-")[0] == spoken:
            return wording[written]
    return None


def questions(programme: Programme, scale: Scale, company: str, locale: str, arms: Mapping[str, str]) -> tuple[Asked, ...]:
    """Every question of a programme, in the order of asking, for one invitation; `arms` is split test → arm, as the ledger has it.

    `programme` is the wave's own: `Programme.model_validate(config)`. A text in the customer's language goes before one that is
    not, so an override in English alone leaves a German customer with the built-in German.
    """
    return tuple(_asked(programme, role, scale, company, locale, arms=arms) for role in programme.questions)


def score_question(programme: Programme, scale: Scale, company: str, locale: str, arms: Mapping[str, str]) -> Asked:
    """The score alone, as e-mails show it."""
    return _asked(programme, "score", scale, company, locale, arms=arms)


def band(score: int, scale: Scale) -> str:
    """promoter, passive or detractor."""
    return "detractor" if score < scale.passive_from else "passive" if score < scale.promoter_from else "promoter"


def about(interaction_type: str | None, happened_on: date, locale: str) -> str:
    """Such as `your claim of 3 March`, without a capital letter where the language has none there."""
    phrases = _built_in()["about"]
    phrase: str = phrases.get((interaction_type or "").lower(), phrases["other"])[language(locale)]
    return phrase.replace("{day}", day(happened_on, locale))


def day(moment: date, locale: str) -> str:
    """Such as `3 March`, `3. März`, `1er mars`."""
    spoken = language(locale)
    number = "1er" if spoken == "fr" and moment.day == 1 else str(moment.day)
    written: str = _built_in()["days"][spoken]
    return written.replace("{day}", number).replace("{month}", _built_in()["months"][spoken][moment.month - 1])


def _asked(programme: Programme, role: str, scale: Scale, company: str, locale: str, *, arms: Mapping[str, str]) -> Asked:
    question, spoken = programme.questions[role], language(locale)
    kind = question.kind or ROLES[role]
    low, high = _ends(role, kind, spoken)
    return Asked(
        role=role,
        kind=kind,
        text=_text(programme, role, locale, arms).replace("{company}", company),
        bands=question.ask,
        choices=_choices(programme, role, kind, scale, locale),
        low=low,
        high=high,
    )


def _text(programme: Programme, role: str, locale: str, arms: Mapping[str, str]) -> str:
    """The split test's text, else the programme's, else the built-in one, each in the customer's language; else any of them."""
    written: list[Mapping[str, str]] = []
    if role == "score":
        tests = programme.split_tests.items()
        assigned = [test.arms[arms[name]] for name, test in tests if test.varies == "wording" and arms.get(name) in test.arms]
        written += [arm.wording for arm in assigned]
    written.append(programme.questions[role].text)
    built_in = _built_in()["employee_score"] if (programme.kind, role) == ("employee", "score") else _built_in()["questions"].get(role)
    written += [built_in] if built_in else []
    for spoken in (locale, language(locale), programme.locales[0], "en"):
        if text := next((text for wording in written if (text := pick(wording, spoken))), None):
            return text
    return next(text for wording in written for text in wording.values())


def _choices(programme: Programme, role: str, kind: str, scale: Scale, locale: str) -> tuple[Choice, ...]:
    if kind == "score":
        return tuple(Choice(str(number), str(number)) for number in range(scale.score_from, scale.score_to + 1))
    if kind == "rating":
        return tuple(Choice(str(number), str(number)) for number in RATING)
    if kind == "yes_no":
        return tuple(Choice(code, texts[language(locale)]) for code, texts in _built_in()["yes_no"].items())
    if kind == "choice":
        written = programme.questions[role].choices or _built_in()["choices"][role]
        found = ((code, (pick(texts, spoken) for spoken in (locale, programme.locales[0], "en")), texts) for code, texts in written.items())
        return tuple(Choice(code, next(filter(None, texts), None) or next(iter(given.values()), code)) for code, texts, given in found)
    return ()


def _ends(role: str, kind: str, spoken: str) -> tuple[str, str]:
    if kind not in ("score", "rating"):
        return "", ""
    ends = _built_in()["ends"]
    low, high = ends.get(role, ends[kind])[spoken]
    return low, high


@cache
def _built_in() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("wording.yml").read_text(encoding="utf-8"))
    return read
