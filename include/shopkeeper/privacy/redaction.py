"""What could name a person is taken out of a text: e-mail addresses, numbers of telephones, cards and accounts, names.

Names are those that the caller knows, those that stand where names stand (after a title, an introduction, a greeting at the end)
and common given names. Everything else stays as it was written, to the letter. It is better to lose a word than to print a person:
digits that could be a telephone number or a contract's are replaced, and so is a mistyped card number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from shopkeeper.privacy import numbers
from shopkeeper.privacy.names import Names, People, keys, of_address, words

# Another version redacts anew what was redacted before.
METHOD = "1"

# While one kind is looked for, those found before stand as characters that no text has.
_MARKS = {"email": "\ufdd0", "iban": "\ufdd1", "card": "\ufdd2", "phone": "\ufdd3", "number": "\ufdd4", "name": "\ufdd5"}
_FOREIGN = re.compile(f"[{''.join(_MARKS.values())}]")
_SHOWN = str.maketrans({mark: f"[{kind}]" for kind, mark in _MARKS.items()})
_NAME = _MARKS["name"]

_LOCAL = r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w!#$%&'*+/=?^`{|}~-]+(?:(?:\.| \. )[\w!#$%&'*+/=?^`{|}~-]+)*"
_LABEL = r"[\w-]+"
_DOT = r"(?:\.| \. |\s?[(\[{]\s?(?:dot|punkt|point|punto|ponto|\.)\s?[)\]}]\s?|\s(?:dot|punkt)\s)"
_AT = r"\s{0,2}(?:@|\uff20|[(\[{<]\s?(?:at|a|\u00e4t|arobase|arroba|chiocciola|@)\s?[)\]}>])\s{0,2}"
_EMAILS = (
    re.compile(rf"{_LOCAL}{_AT}{_LABEL}(?:{_DOT}{_LABEL})*", re.IGNORECASE),
    re.compile(rf"{_LOCAL}\s(?:at|\u00e4t)\s{_LABEL}(?:\.{_LABEL})*(?:\s(?:dot|punkt)\s{_LABEL})+", re.IGNORECASE),
    re.compile(rf"{_LOCAL}\s(?:arobase|arroba)\s{_LABEL}(?:(?:\.|\s(?:point|punto|ponto)\s){_LABEL})+", re.IGNORECASE),
    re.compile(
        rf"(?<![\w.-])[\w-]*[\d._][\w.-]*\sat\s{_LABEL}(?:\.{_LABEL})*\.(?:com|org|net|de|at|ch|fr|es|pt|br|uk|eu|it|info|io)\b", re.I
    ),
)
_EMAIL_SIGN = re.compile(r"@|\uff20|\bat\b|\u00e4t\b|arobase|arroba|\(a\)|\[a\]|chiocciola", re.IGNORECASE)

# A letter, then letters with their accents; an apostrophe inside belongs to the word.
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f]|['\u2019](?=[^\W\d_]))*")
_CAPITAL = r"(?:[^\W\d_a-zà-öø-ÿ](?:[^\W\d_]|[\u0300-\u036f'\u2019])*)"
_PERSON = rf"(?:[A-ZÄÖÜ]\. ?)*{_CAPITAL}(?:[ -](?:v[ao]n |de |d[aeo]s? |la |le |zu )*{_CAPITAL}){{0,2}}"
_TITLE = (
    r"Herrn?|Frau|Hr\.|Fr\.|Mr\.?|Mrs\.?|Ms\.?|Miss|Mister|Mme\.?|Mlle\.?|Monsieur|Madame|M\.|Sr\.|Sra\.|Señora?|Senhora?|Dr\.?|Prof\.?"
)
_INTRODUCED = (
    r"[Mm]y name is|[Mm]ein Name ist|[Ii]ch hei(?:ß|ss)e|[Jj]e m['\u2019]appelle|[Mm]on nom est|[Mm]e llamo|[Mm]i nombre es"
    r"|[Cc]hamo-me|[Mm]e chamo|[Mm]eu nome é|[Mm]i chiamo"
)
_GREETING = (
    r"[Gg]r(?:ü|ue)(?:ß|ss)en?|MfG|LG|VG|[Rr]egards|[Ss]incerely|[Ss]aludos|[Aa]tentamente|[Cc]ordialement|[Ss]alutations"
    r"|[Aa]tenciosamente|[Cc]umprimentos|[Ss]igned|[Gg]ezeichnet|gez\."
)
_PLACES = (
    re.compile(rf"(?<!\w)(?:{_TITLE})\s(?:(?:Dr|Prof)\.?\s)*(?P<person>{_PERSON})"),
    re.compile(rf"(?<!\w)(?:{_INTRODUCED})\s(?P<person>{_PERSON})"),
    re.compile(rf"(?<!\w)(?:{_GREETING})(?:\svon)?[,:.!]?\s+(?P<person>{_PERSON})(?=[\s.,!]*$)", re.MULTILINE),
)
_PARTICLE = r"(?:v[ao]n|zu|d[eao]s?|d[eu]l?|de[rnm]|la|le|las|los|y|e|[A-Z]\.)"
_ADJACENT = re.compile(rf"{_NAME}(?:[ -](?:{_PARTICLE} )*{_NAME})+")
_BETWEEN = re.compile(r"[ -]")


@dataclass(frozen=True)
class Redacted:
    """A text without what could name a person, and how many places were replaced."""

    text: str
    replaced: int


def redact_text(text: str, names: Names | None = None) -> Redacted:
    """Replace each place that could name a person by what stood there: [email], [iban], [card], [phone], [number] or [name].

    A text without any comes back as it is. Knows German, English, French, Spanish and Portuguese, and how addresses and numbers are
    spaced, dotted or spelled out ("anna at example dot org").
    """
    names = names or Names()
    own = names.own
    written = _FOREIGN.sub("\ufffd", text)
    if _EMAIL_SIGN.search(written):
        found: list[str] = []
        for pattern in _EMAILS:
            written = pattern.sub(_noting(found), written)
        # An address tells its owner's name, and people write theirs beside it.
        own = People(own.parts | People.named(of_address(address) for address in found).parts, own.unspaced)
    if any(character.isdigit() for character in written):
        written = numbers.replaced(written, _MARKS)
    written = _without_names(written, own, names.staff)
    count = sum(written.count(mark) for mark in _MARKS.values())
    return Redacted(written.translate(_SHOWN), count) if count else Redacted(text, 0)


def _noting(found: list[str]) -> Callable[[re.Match[str]], str]:
    def note(match: re.Match[str]) -> str:
        found.append(re.split(r"@|\uff20|\s|[(\[{<]", match.group())[0])
        return _MARKS["email"]

    return note


def _without_names(text: str, own: People, staff: People) -> str:
    for name in (*own.unspaced, *staff.unspaced):
        text = text.replace(name, _NAME)
    for pattern in _PLACES:
        text = pattern.sub(lambda match: match.group().removesuffix(match.group("person")) + _NAME, text)
    pieces: list[str] = []
    end, before = 0, _Before.NOTHING
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        if before is not _Before.NOTHING and not _BETWEEN.fullmatch(between):
            before = _Before.NOTHING
        word = _word(match.group())
        is_name = _is_name(word, own, staff, before)
        pieces += [between, _NAME if is_name else match.group()]
        end = match.end()
        before = (_Before.GIVEN_NAME if word.is_given else _Before.NAME) if is_name else _Before.NOTHING
    return _ADJACENT.sub(_NAME, "".join(pieces) + text[end:])


class _Before(Enum):
    """What stands right before a word."""

    NOTHING = 0
    NAME = 1
    GIVEN_NAME = 2


class _Word(NamedTuple):
    spellings: frozenset[str]
    is_capital: bool
    is_title: bool  # a capital letter, then small ones
    is_given: bool
    is_ordinary: bool
    is_short: bool


@lru_cache(maxsize=200_000)
def _word(word: str) -> _Word:
    bare, lists = keys(word), words()
    inflected = {spelling.removesuffix("s") for spelling in bare if len(spelling) > 4}
    is_capital = word[0] != word[0].lower()
    return _Word(
        spellings=bare | inflected,
        is_capital=is_capital,
        is_title=is_capital and not word.isupper() and len(word) > 2,
        is_given=not bare.isdisjoint(lists["given_names"]),
        is_ordinary=not bare.isdisjoint(lists["ordinary_words"]),
        is_short=len(word) <= 3,
    )


def _is_name(word: _Word, own: People, staff: People, before: _Before) -> bool:
    """Small letters make a name of what is no word otherwise; a capital letter decides for one's own name, or beside another name."""
    is_beside = before is not _Before.NOTHING
    if not own.parts.isdisjoint(word.spellings):
        return word.is_capital or is_beside or not (word.is_ordinary or word.is_short)
    if not staff.parts.isdisjoint(word.spellings):
        return is_beside or (not word.is_ordinary and (word.is_capital or not word.is_short))
    if before is _Before.GIVEN_NAME and word.is_title:
        return True
    return word.is_given and word.is_capital and not word.is_ordinary
