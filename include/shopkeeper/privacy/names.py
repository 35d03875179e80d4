"""Whose names to look for, and how names are compared: without case, accents, and the ways of writing an umlaut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ß": "ss"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_APART = re.compile(r"[\W\d_]+")
# Letters of scripts that put no blanks between words.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@lru_cache(maxsize=1)
def words() -> dict[str, frozenset[str]]:
    """The lists of words.yml."""
    content = yaml.safe_load((Path(__file__).parent / "words.yml").read_text())
    return {name: frozenset(text.split()) for name, text in content.items()}


@lru_cache(maxsize=200_000)
def keys(word: str) -> frozenset[str]:
    """The spellings under which a word is looked up: `Müller` is muller and mueller."""
    small = unicodedata.normalize("NFC", word.replace("'", "").replace("’", "")).casefold()
    return frozenset((_plain(small), _plain(small.translate(_UMLAUTS))))


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def of_address(email: str) -> str:
    """The name that an e-mail address gives away: `anna.schmidt2@example.org` is anna schmidt, `service@…` and `e0042@…` are nobody."""
    parts = (part.rstrip("0123456789") for part in re.split(r"[._+-]+", email.partition("@")[0]))
    return " ".join(part for part in parts if part.isalpha() and len(part) > 1 and not keys(part) & words()["mailboxes"])


@dataclass(frozen=True)
class People:
    """Names made ready for comparing: `parts` are the spellings of their words; `unspaced` are names in scripts without blanks."""

    parts: frozenset[str] = frozenset()
    unspaced: tuple[str, ...] = ()

    @staticmethod
    def named(names: Iterable[str | None]) -> People:
        """From full names; titles, particles and single letters are no names."""
        parts: set[str] = set()
        unspaced: set[str] = set()
        for name in names:
            if not name:
                continue
            if _UNSPACED.search(name):
                unspaced.add(name.strip())
            for part in _APART.split(unicodedata.normalize("NFC", name).replace("'", "").replace("’", "")):
                if len(part) > 1 and not keys(part) & words()["titles"]:
                    parts |= keys(part)
        return People(frozenset(parts), tuple(sorted(unspaced, key=len, reverse=True)))


@dataclass(frozen=True)
class Names:
    """Whose names a text may hold: `own` those of who wrote it and of who served him or her, `staff` those of all colleagues."""

    own: People = field(default_factory=People)
    staff: People = field(default_factory=People)
